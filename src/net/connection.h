// One client: its requests one after the other, each answered before the next is looked at. For sources only.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/exchange.h"
#include "net/head.h"
#include "net/message.h"
#include "net/response_head.h"
#include "net/site.h"

namespace hone::net {

class Wire;

/// In its coroutines no temporary with a destructor stands in a condition of a co_await expression: GCC 12 destroys
/// such a one twice.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Site& site, std::shared_ptr<Wire> wire, std::string remote);

  /// Until the client leaves, breaks the rules, or the server stops.
  boost::asio::awaitable<void> run();
  /// One answer 503 and no more, for a connection above the limits.
  boost::asio::awaitable<void> refuse();
  /// The server stops: looks whether there is anything left to do here.
  void notify();
  void abort();

 private:
  using Time = std::chrono::steady_clock::time_point;

  /// A request on its way to the handler, and what is noted of it.
  struct Call {
    Request request;
    Request noted;  ///< what Options::done is told: no headers, no contents
    Head head;
    const Route* route = nullptr;
    std::optional<Response> refusal;  ///< answered without the handler; framing is in order
    Time begin;
    bool head_only = false, keep_alive = false;
    int64_t sent = 0;
  };
  struct File;
  enum class Received { kRequest, kNothing };

  boost::asio::awaitable<bool> serve(bool last);
  // connection_receive.cpp: from bytes to a Request. kNothing: the client left, or has nothing more to say.
  boost::asio::awaitable<Received> receive(Call& call);
  boost::asio::awaitable<size_t> receive_head(Call& call);
  void understand(Call& call, std::string_view head);
  boost::asio::awaitable<void> authorize(Call& call, const Router::Match& match);
  void refuse_unrouted(Call& call, const Router::Match& match);
  bool skip_body(const Call& call);
  boost::asio::awaitable<bool> receive_body(Call& call);
  // connection_answer.cpp: from what the handler says to bytes.
  void dispatch(Call& call, const std::shared_ptr<Exchange>& exchange);
  boost::asio::awaitable<int> answer(Call& call, Exchange& exchange);
  boost::asio::awaitable<int> answer_stream(Call& call, Exchange& exchange, Response head);
  boost::asio::awaitable<int> answer_whole(Call& call, Response response);
  boost::asio::awaitable<std::string> head_of(Call& call, Response& response, File& file);
  boost::asio::awaitable<bool> send_file(Call& call, const File& file);
  boost::asio::awaitable<bool> send(Call& call, std::string_view bytes);
  void note(const Call& call, int status);

  /// Runs `job` on a worker thread and waits for its end; throws what it threw.
  boost::asio::awaitable<void> work(std::function<void()> job);

  Site& site_;
  std::shared_ptr<Wire> wire_;
  std::string remote_;
};

}  // namespace hone::net
