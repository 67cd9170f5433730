// An HTTP/1.1 server: thousands of open streams on few threads. It knows routes, limits and framing, and nothing of
// what is served. Start here; handlers see message.h and responder.h.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/message.h"
#include "net/responder.h"

namespace hone::net {

/// Called on one of Options::worker_threads: may wait for a disk, must not wait for a model (keep the Responder and
/// answer later). What it throws becomes an answer: Error(kInput) 400 with its text, anything else 500.
using Handler = std::function<void(Request&&, Responder)>;

struct RouteOptions {
  int64_t max_body = 16 << 20;   ///< bytes; 413 above, as soon as it is known
  bool multipart = false;        ///< takes multipart/form-data alone (415 otherwise), parts instead of `body`
  int64_t max_file = 0;          ///< of one file of a multipart body; 0: max_body
  int64_t max_fields = 1 << 20;  ///< bytes of the parts that are no files together
  int max_parts = 1024;
  bool open = false;   ///< authorize() is not asked
  int permission = 0;  ///< what the route asks of a caller, in numbers that authorize() knows
};

struct RouteInfo {
  std::string method, pattern;
  RouteOptions options;
};

/// Against clients that are slow, many or greedy. Durations in seconds.
struct Limits {
  int64_t uri_bytes = 8 << 10;           ///< 414 above
  int64_t header_bytes = 64 << 10;       ///< request line and headers together; 431
  int header_count = 100;                ///< 431
  double header_seconds = 10;            ///< from the first byte of a request to the end of its headers; 408
  double body_grace_seconds = 10;        ///< a body may be slower than the rate below for this long
  int64_t body_bytes_per_second = 1024;  ///< slower bodies end with 408
  double idle_seconds = 75;              ///< a connection between two requests
  double write_stall_seconds = 30;       ///< 64 KiB of an answer must leave in this time, or the connection is cut
  int64_t output_buffer = 1 << 20;       ///< bytes of a stream that the client has not taken; more cuts it off
  int64_t bodies_bytes = 512 << 20;      ///< of all bodies that are held in memory at once; 503 above
  int connections = 10'000;              ///< 503 above
  int connections_per_address = 1000;  ///< 503 above; an IPv6 network of 64 bits counts as one. 0: as many as there are
  int requests_per_connection = 10'000;
};

class Server {
 public:
  struct Options {
    std::string host = "127.0.0.1";
    int port = 0;                          ///< 0: one that is free
    std::string tls_certificate, tls_key;  ///< PEM files, both or none; with them the server speaks HTTPS alone
    std::filesystem::path spool;           ///< of uploaded files; must be there
    /// Bytes that uploads may have in the spool together, asked when a file begins; 413 storage_limit_exceeded above.
    std::function<int64_t()> spool_room;
    Limits limits;
    int io_threads = 1, worker_threads = 4;

    /// Asked before the body is read, on a worker thread, for unknown paths too. A Response refuses; `head` has neither
    /// body nor parts, and its `principal` may be set. Without it every request is let in.
    std::function<std::optional<Response>(const std::string& method, const std::string& path, Request& head)> authorize;
    /// Body of the answers that the server makes itself: 400, 404, 405, 408, 411, 413, 414, 415, 417, 431, 500, 503,
    /// 505. Plain text without it.
    std::function<Response(int status, const std::string& code, const std::string& message)> error;
    /// After each answer, on an I/O thread: must be quick. The request has its head without headers and no contents;
    /// status 499 is a client that left. `bytes` of the answer's body and framing.
    std::function<void(const Request&, int status, double seconds, int64_t bytes)> done;
    /// Faults of the server itself: a handler that threw, a socket that cannot be accepted. Standard error without it.
    std::function<void(const std::string& message)> log;
  };

  explicit Server(Options options);
  ~Server();  ///< stop(0)
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Before start(). `pattern` as in net/router.h: "/v1/files/{file_id}/content".
  void route(const std::string& method, const std::string& pattern, Handler handler, RouteOptions options = {});
  std::vector<RouteInfo> routes() const;  ///< in the order in which they came
  /// Binds and serves in threads of its own. Throws Error for an address that cannot be bound (with what to do) and for
  /// TLS files that do not fit. May raise the process's limit of open files up to its hard limit.
  void start();
  int port() const;  ///< after start()
  /// No new connections; requests that run may finish for `seconds`, then they are cut and their on_gone is called.
  /// Returns when every handler has returned.
  void stop(double seconds);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hone::net
