// A socket, plain or with TLS, as coroutines of bytes. For sources only.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>

namespace hone::net {

/// Used from the thread of its executor. Faults are given back, none is thrown.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual boost::asio::any_io_executor executor() = 0;
  virtual boost::asio::awaitable<void> handshake(boost::system::error_code& fault) = 0;
  virtual boost::asio::awaitable<size_t> read_some(boost::asio::mutable_buffer into,
                                                   boost::system::error_code& fault) = 0;
  /// All of `bytes`. One read and one write may be under way at once.
  virtual boost::asio::awaitable<void> write(boost::asio::const_buffer bytes, boost::system::error_code& fault) = 0;
  /// Tells the peer that nothing more will be sent.
  virtual boost::asio::awaitable<void> shutdown(boost::system::error_code& fault) = 0;
  /// What is under way ends with a fault.
  virtual void close() = 0;
};

/// `tls` may be null; it must outlive the transport.
std::unique_ptr<Transport> make_transport(boost::asio::ip::tcp::socket socket, boost::asio::ssl::context* tls);

/// A context for TLS 1.2 and newer. Throws Error(kInput) naming the file that does not fit.
std::unique_ptr<boost::asio::ssl::context> make_tls_context(const std::string& certificate, const std::string& key);

}  // namespace hone::net
