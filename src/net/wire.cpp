#include "net/wire.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>
#include <vector>

#include "net/transport.h"

namespace hone::net {
namespace asio = boost::asio;
using asio::awaitable;
using asio::use_awaitable;
using boost::system::error_code;

namespace {

constexpr size_t kSmallRead = 4 << 10, kLargeRead = 64 << 10;
constexpr size_t kPiece = 64 << 10;
constexpr double kLingerSeconds = 2;

Clock::duration seconds(double count) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(count));
}

}  // namespace

Wire::Wire(std::unique_ptr<Transport> transport, Options options)
    : transport_(std::move(transport)),
      options_(options),
      event_(transport_->executor()),
      resume_(transport_->executor()),
      guard_(transport_->executor()) {}

Wire::~Wire() = default;

asio::any_io_executor Wire::executor() {
  return transport_->executor();
}

void Wire::abort() {
  if (closed_) return;
  closed_ = ended_ = true;
  transport_->close();
  event_.cancel();
  resume_.cancel();
  guard_.cancel();
}

/// Closes the connection unless guard_ is cancelled in time.
void Wire::arm(double count) {
  guard_.expires_after(seconds(count));
  guard_.async_wait([weak = weak_from_this()](const error_code& fault) {
    const auto self = weak.lock();
    if (!fault && self) self->abort();
  });
}

awaitable<bool> Wire::start(double count) {
  arm(count);
  error_code fault;
  co_await transport_->handshake(fault);
  guard_.cancel();
  if (fault) abort();
  if (closed_) co_return false;
  asio::co_spawn(
      executor(), [self = shared_from_this()]() -> awaitable<void> { co_await self->read(); }, asio::detached);
  co_return true;
}

awaitable<void> Wire::read() {
  std::vector<char> buffer(kSmallRead);  // small: most connections are idle
  error_code fault;
  while (!fault && !closed_) {
    if (input().size() >= options_.input_bytes) {
      resume_.expires_at(kNever);
      error_code ignored;
      co_await resume_.async_wait(asio::redirect_error(use_awaitable, ignored));
      continue;
    }
    const size_t count = co_await transport_->read_some(asio::buffer(buffer), fault);
    if (!discard_) input_.append(buffer.data(), count);
    event_.cancel();
    if (count == buffer.size()) {
      buffer.resize(kLargeRead);
    } else if (buffer.size() > kSmallRead && count < kSmallRead) {
      buffer.resize(kSmallRead);
      buffer.shrink_to_fit();
    }
  }
  ended_ = true;
  event_.cancel();
}

void Wire::consume(size_t count) {
  const bool paused = input().size() >= options_.input_bytes;
  used_ += count;
  if (used_ == input_.size() || used_ >= kLargeRead) input_.erase(0, std::exchange(used_, 0));
  if (input_.empty() && input_.capacity() > kLargeRead) input_.shrink_to_fit();
  if (paused) resume_.cancel();
}

awaitable<void> Wire::wait(Clock::time_point until) {
  event_.expires_at(until);
  error_code ignored;
  co_await event_.async_wait(asio::redirect_error(use_awaitable, ignored));
}

awaitable<bool> Wire::send(std::string_view bytes) {
  while (!bytes.empty() && !closed_) {
    const std::string_view piece = bytes.substr(0, kPiece);
    arm(options_.stall_seconds);
    error_code fault;
    co_await transport_->write(asio::buffer(piece.data(), piece.size()), fault);
    guard_.cancel();
    if (fault) abort();
    bytes.remove_prefix(piece.size());
  }
  co_return !closed_;
}

awaitable<void> Wire::finish() {
  if (closed_) co_return;
  // Closing while the client still sends would reset the connection, and the answer could be lost on its way.
  discard_ = true;
  consume(input().size());
  arm(kLingerSeconds);
  error_code ignored;
  co_await transport_->shutdown(ignored);
  while (!ended_) co_await wait(kNever);
  abort();
}

}  // namespace hone::net
