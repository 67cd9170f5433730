#include "net/transport.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace hone::net {
namespace asio = boost::asio;
using asio::awaitable;
using asio::use_awaitable;
using boost::system::error_code;
using Socket = asio::ip::tcp::socket;

namespace {

void tune(Socket& socket) {
  error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);  // a token must not wait for the next one
  socket.set_option(Socket::keep_alive(true), ignored);
  // What a slow reader leaves unsent stays in our own, bounded buffer instead of megabytes in the kernel's.
  const int unsent = 128 << 10;
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
}

constexpr std::string_view kUseHttps =
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 49\r\n\r\n"
    "this port speaks TLS: write https:// in the URL.\n";

class PlainTransport : public Transport {
 public:
  explicit PlainTransport(Socket socket) : socket_(std::move(socket)) {}
  asio::any_io_executor executor() override { return socket_.get_executor(); }
  awaitable<void> handshake(error_code& fault) override {
    fault = {};
    co_return;
  }
  awaitable<size_t> read_some(asio::mutable_buffer into, error_code& fault) override {
    co_return co_await socket_.async_read_some(into, asio::redirect_error(use_awaitable, fault));
  }
  awaitable<void> write(asio::const_buffer bytes, error_code& fault) override {
    co_await asio::async_write(socket_, bytes, asio::redirect_error(use_awaitable, fault));
  }
  awaitable<void> shutdown(error_code& fault) override {
    socket_.shutdown(Socket::shutdown_send, fault);
    co_return;
  }
  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  Socket socket_;
};

class TlsTransport : public Transport {
 public:
  TlsTransport(Socket socket, asio::ssl::context& context) : stream_(std::move(socket), context) {}
  asio::any_io_executor executor() override { return stream_.get_executor(); }
  awaitable<void> handshake(error_code& fault) override {
    co_await stream_.next_layer().async_wait(Socket::wait_read, asio::redirect_error(use_awaitable, fault));
    if (fault) co_return;
    if (speaks_plainly()) {
      co_await asio::async_write(stream_.next_layer(), asio::buffer(kUseHttps),
                                 asio::redirect_error(use_awaitable, fault));
      take_the_rest();
      fault = asio::error::operation_not_supported;
      co_return;
    }
    co_await stream_.async_handshake(asio::ssl::stream_base::server, asio::redirect_error(use_awaitable, fault));
  }
  awaitable<size_t> read_some(asio::mutable_buffer into, error_code& fault) override {
    co_return co_await stream_.async_read_some(into, asio::redirect_error(use_awaitable, fault));
  }
  awaitable<void> write(asio::const_buffer bytes, error_code& fault) override {
    co_await asio::async_write(stream_, bytes, asio::redirect_error(use_awaitable, fault));
  }
  awaitable<void> shutdown(error_code& fault) override {
    co_await stream_.async_shutdown(asio::redirect_error(use_awaitable, fault));
  }
  void close() override {
    error_code ignored;
    stream_.lowest_layer().close(ignored);
  }

 private:
  /// Every method of HTTP begins with a capital letter, a record of TLS with a number below 32.
  bool speaks_plainly() {
    char first = 0;
    return ::recv(stream_.next_layer().native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT) == 1 && first >= 'A' &&
           first <= 'Z';
  }
  /// Closing while something lies unread would reset the connection, and the answer could be lost on its way.
  void take_the_rest() {
    std::array<char, 4096> unused{};
    for (int i = 0; i < 16; ++i) {
      if (::recv(stream_.next_layer().native_handle(), unused.data(), unused.size(), MSG_DONTWAIT) <= 0) break;
    }
    error_code ignored;
    stream_.next_layer().shutdown(Socket::shutdown_send, ignored);
  }

  asio::ssl::stream<Socket> stream_;
};

}  // namespace

std::unique_ptr<Transport> make_transport(Socket socket, asio::ssl::context* tls) {
  tune(socket);
  if (tls == nullptr) return std::make_unique<PlainTransport>(std::move(socket));
  return std::make_unique<TlsTransport>(std::move(socket), *tls);
}

std::unique_ptr<asio::ssl::context> make_tls_context(const std::string& certificate, const std::string& key) {
  auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
  error_code fault;
  context->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                           asio::ssl::context::no_tlsv1_1 | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION,
                       fault);
  // Of TLS 1.2 the ciphers that keep past sessions secret when the key leaks; all of 1.3 do.
  if (SSL_CTX_set_cipher_list(context->native_handle(), "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
    fail_work("TLS", "the library has none of the ciphers that this server speaks");
  // Else a key under a password would have the server wait for somebody at its terminal.
  context->set_password_callback([](size_t, asio::ssl::context::password_purpose) { return std::string(); }, fault);
  // An idle connection then holds no buffers for records.
  SSL_CTX_set_mode(context->native_handle(), SSL_MODE_RELEASE_BUFFERS);
  context->use_certificate_chain_file(certificate, fault);
  if (fault)
    fail_input(certificate, "is no certificate in PEM form: " + fault.message(),
               "give the certificate, followed by those of its issuers, as a PEM file");
  context->use_private_key_file(key, asio::ssl::context::pem, fault);
  if (fault)
    fail_input(key, "is no private key in PEM form that fits " + certificate + ": " + fault.message(),
               "give the key that the certificate was made from");
  return context;
}

}  // namespace hone::net
