// Bytes from and to one client, with deadlines. For sources only.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace hone::net {

class Transport;
using Clock = std::chrono::steady_clock;
inline constexpr Clock::time_point kNever = Clock::time_point::max();

/// Reads all the time, up to a bound, so that a client that leaves is noticed while an answer is being made; whoever
/// owns it waits for "something happened" (wait) and looks. All calls on the thread of its executor.
class Wire : public std::enable_shared_from_this<Wire> {
 public:
  struct Options {
    size_t input_bytes;    ///< reading pauses while so many have not been used
    double stall_seconds;  ///< for 64 KiB to be sent
  };
  Wire(std::unique_ptr<Transport> transport, Options options);
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  /// Handshake, then reading begins. False when there is no connection by then.
  boost::asio::awaitable<bool> start(double seconds);

  std::string_view input() const { return std::string_view(input_).substr(used_); }
  void consume(size_t count);
  /// The client sends no more: it left, or the connection is closed.
  bool ended() const { return ended_; }
  bool closed() const { return closed_; }

  /// Returns when input came, the client left, notify() was called, or the time is over; at times for no reason.
  boost::asio::awaitable<void> wait(Clock::time_point until);
  void notify() { event_.cancel(); }

  /// False, and the connection closed, when the client does not take the bytes.
  boost::asio::awaitable<bool> send(std::string_view bytes);
  /// Ends in a way that lets the client read what it was sent: says so, and reads past what it still sends for a while.
  boost::asio::awaitable<void> finish();
  void abort();
  boost::asio::any_io_executor executor();

 private:
  boost::asio::awaitable<void> read();
  void arm(double seconds);

  std::unique_ptr<Transport> transport_;
  Options options_;
  boost::asio::steady_timer event_, resume_, guard_;
  std::string input_;
  size_t used_ = 0;  // of input_; taken out now and then, since many small requests may lie in it
  bool ended_ = false, closed_ = false, discard_ = false;
};

}  // namespace hone::net
