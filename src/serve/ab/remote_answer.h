// What another service answers, on its way to the client: under this server's ids, whole or as a stream.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "net/client.h"
#include "net/responder.h"
#include "serve/ab/remote.h"

namespace hone::serve {

class RemoteAnswer {
 public:
  /// Both must outlive it.
  RemoteAnswer(const RemoteRequest& request, net::Responder& responder);

  /// A piece of a stream; false when nothing more is wanted.
  bool take(std::string_view data);
  /// The answer is over; `body` is empty where take() got it.
  void end(int status, const std::string& body);
  void fail(int status, const std::string& message);

 private:
  bool event(const std::string& data);
  void collect(const Json& choice);
  void finish(const Json& answers);
  void whole(const std::string& body);

  const RemoteRequest& request_;
  net::Responder& responder_;
  net::SseReader reader_;
  std::shared_ptr<net::Stream> stream_;
  std::map<int64_t, std::string> texts_;  ///< of a stream, by choice
  std::optional<int64_t> tokens_;
  bool chat_ = false, over_ = false;
};

}  // namespace hone::serve
