// What a handler and a connection share of one answer: the handler puts in from any thread, the connection takes out
// on its own. Knows nothing of sockets.
#pragma once
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "net/fault.h"
#include "net/message.h"

namespace hone::net {

class Exchange {
 public:
  enum class Wake {
    kLook,   ///< next() may have something new
    kCutOff  ///< the connection is to be closed, whatever it is doing
  };
  /// `wake` is called from any thread, never after finish().
  Exchange(size_t output_buffer, std::function<void(Wake)> wake);

  // The handler's side.
  void send(Response response);
  void fail(Fault fault);  ///< an error the server words; nothing when an answer has begun
  bool open_stream(int status, Fields headers);
  bool write(std::string text);
  void close();
  void cut();  ///< the stream ends without being whole; nothing after close()
  void on_gone(std::function<void()> call);

  // The connection's side.
  struct Step {
    enum class What {
      kWait,
      kWhole,  ///< `response`
      kFault,  ///< `fault`
      kHead,   ///< of a stream: response.status and response.headers
      kPiece,  ///< `text`
      kEnd,    ///< the stream is whole
      kCut,
    } what = What::kWait;
    Response response;
    std::optional<Fault> fault;
    std::string text;
  };
  Step next();
  /// The connection is through with it. Unless `complete`, the handler is told that the client is gone.
  void finish(bool complete);

 private:
  enum class Phase { kOpen, kAnswered, kStreaming, kClosed, kCut, kFinished };
  void wake_locked(Wake what);

  std::mutex mutex_;
  std::function<void(Wake)> wake_;
  std::function<void()> on_gone_;
  const size_t output_buffer_;
  Phase phase_ = Phase::kOpen;
  bool gone_ = false, woken_ = false;
  std::optional<Step> first_;  // answer or head, until it is taken
  std::string pending_;        // pieces that were not taken yet
};

}  // namespace hone::net
