#include "net/connection.h"

#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

#include "base/failures.h"
#include "net/wire.h"

namespace hone::net {
using boost::asio::awaitable;

Connection::Connection(Site& site, std::shared_ptr<Wire> wire, std::string remote)
    : site_(site), wire_(std::move(wire)), remote_(std::move(remote)) {}

void Connection::notify() {
  wire_->notify();
}

void Connection::abort() {
  wire_->abort();
}

awaitable<void> Connection::run() {
  bool more = co_await wire_->start(site_.options.limits.header_seconds);
  for (int served = 1; more; ++served) more = co_await serve(served >= site_.options.limits.requests_per_connection);
  co_await wire_->finish();
}

awaitable<void> Connection::refuse() {
  constexpr double kPatience = 1;
  if (!co_await wire_->start(kPatience)) co_return;
  const auto until = Clock::now() + std::chrono::seconds(1);
  while (wire_->input().empty() && !wire_->ended() && Clock::now() < until) co_await wire_->wait(until);
  Call call{.begin = Clock::now()};
  call.request.id = call.noted.id = request_id(nullptr);
  call.noted.remote = remote_;
  Response response = site_.error(503, "too_many_connections", "too many connections are open; try again in a moment");
  response.headers.emplace_back("retry-after", "1");
  const int status = co_await answer_whole(call, std::move(response));
  note(call, status);
  co_await wire_->finish();
}

awaitable<void> Connection::work(std::function<void()> job) {
  bool done = false;
  std::exception_ptr failure;
  // The references stay good: this frame waits, and the server's threads outlive its workers.
  site_.post_work([&done, &failure, job = std::move(job), self = shared_from_this()] {
    try {
      job();
    } catch (...) {
      failure = std::current_exception();
    }
    boost::asio::post(self->wire_->executor(), [&done, self] {
      done = true;
      self->wire_->notify();
    });
  });
  while (!done) co_await wire_->wait(kNever);
  if (failure) std::rethrow_exception(failure);
}

/// One request and its answer. False when the connection is to end.
awaitable<bool> Connection::serve(bool last) {
  Call call;
  std::optional<Fault> fault;
  try {
    const Received received = co_await receive(call);
    if (received == Received::kNothing) co_return false;
  } catch (const Fault& caught) {
    fault = caught;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kInput) {
      fault = Fault(400, "invalid_request", error.what());
    } else {
      site_.log(error.what());
      const bool full = is_disk_full(error);
      fault = full ? Fault(507, "insufficient_storage", "the server has no space left for the request")
                   : Fault(500, "internal_error", "the server could not take the request");
    }
  } catch (const std::exception& error) {
    site_.log(error.what());
    fault = Fault(500, "internal_error", "the server could not take the request");
  }
  call.keep_alive = !fault && call.keep_alive && !last;
  int status = 0;
  if (fault) {
    Response response = site_.error(fault->status, fault->code, fault->message);
    status = co_await answer_whole(call, std::move(response));
  } else if (call.refusal) {
    status = co_await answer_whole(call, std::move(*call.refusal));
  } else {
    std::weak_ptr<Wire> wire = wire_;
    auto exchange = std::make_shared<Exchange>(static_cast<size_t>(site_.options.limits.output_buffer),
                                               [wire, executor = wire_->executor()](Exchange::Wake what) {
                                                 boost::asio::post(executor, [wire, what] {
                                                   const auto alive = wire.lock();
                                                   if (!alive) return;
                                                   what == Exchange::Wake::kCutOff ? alive->abort() : alive->notify();
                                                 });
                                               });
    dispatch(call, exchange);
    status = co_await answer(call, *exchange);
    exchange->finish(status != 499);
  }
  note(call, status);
  co_return call.keep_alive && !wire_->closed();
}

void Connection::note(const Call& call, int status) {
  if (!site_.options.done) return;
  const std::chrono::duration<double> seconds = Clock::now() - call.begin;
  try {
    site_.options.done(call.noted, status, seconds.count(), call.sent);
  } catch (const std::exception& error) {
    site_.log(std::string("the callback of finished requests threw: ") + error.what());
  }
}

}  // namespace hone::net
