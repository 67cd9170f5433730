// A small HTTP client: blocking, for commands that talk to a service. One request a call, retried as openai-python
// does.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "net/message.h"

namespace hone::net {

struct ClientFormPart {
  std::string name;
  std::string body;
  std::filesystem::path file;  ///< sent from disk instead of `body` when not empty
  std::string filename;        ///< as the server is told; that of `file` when empty
  std::string content_type;
};

struct ClientRequest {
  std::string method = "GET";
  std::string url;  ///< http:// or https://
  Fields headers;
  std::string body;
  std::string content_type = "application/json";  ///< of `body`
  std::vector<ClientFormPart> form;               ///< multipart/form-data instead of `body`

  double connect_seconds = 5;
  double seconds = 600;       ///< for the whole request
  double idle_seconds = 120;  ///< without a single byte; 0: any time (a stream without keep-alive comments)
  /// Repeated after a lost connection, a timeout, 408, 409, 429 and 5xx, POST included, waiting 0.5 s doubling to 8 s
  /// with up to a quarter less, or what retry-after-ms or retry-after says up to 120 s. x-should-retry decides over
  /// both.
  int retries = 2;
  int64_t max_answer = 64 << 20;  ///< bytes kept in memory; a longer answer fails

  /// Given the answer as it comes, when the status is below 300; false ends the request. Once it was called, nothing is
  /// tried again.
  std::function<bool(std::string_view)> on_data;
  /// Called about once a second and as the body goes out, with its size (0: not known yet); false ends the request
  /// with Error(kInterrupted).
  std::function<bool(int64_t sent, int64_t total)> on_sent;
  /// Before each repetition: the status that asks for it (0: no answer), and the seconds until then.
  std::function<void(int status, double seconds)> on_wait;
  std::filesystem::path download;  ///< the answer goes there, whole or not at all (when the status is below 300)
};

struct ClientAnswer {
  int status = 0;
  Fields headers;    ///< names in lower case
  std::string body;  ///< unless on_data or download took it
  int attempts = 1;
  const std::string* header(std::string_view lower_case_name) const;
};

/// What send() throws when nobody answers at the address: a server that is away may come back.
class NoAnswer : public Error {
 public:
  NoAnswer(const std::string& url, const std::string& reason)
      : Error(ErrorKind::kFailure, url, "gave no answer: " + reason,
              "check that the service runs there and can be reached") {}
};

/// Any thread may use an object, one call at a time; connections are kept between calls. A redirect is an answer like
/// any other (3xx): nothing is ever sent to another host than the one in the URL. Proxies are
/// those of the environment (http_proxy, https_proxy, no_proxy), never for this machine itself.
class Client {
 public:
  Client();
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// PEM file of further certificates to trust, for a service with one of its own.
  void trust(const std::filesystem::path& certificates);

  /// Throws Error(kInput) for a URL or header that cannot be, NoAnswer naming the server when there is none after all
  /// retries. A status of 400 and above is an answer, not an error.
  ClientAnswer send(const ClientRequest& request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// How long to wait before the next attempt, in seconds, or -1 for not to try again. `attempt` counts from 0; `random`
/// in [0, 1); `now` in Unix seconds, for a retry-after that is a date.
double retry_seconds(int status, const Fields& headers, int attempt, double random, int64_t now);

/// Takes server-sent events apart as they come: lines ended by LF, CR LF or CR, cut anywhere.
class SseReader {
 public:
  struct Event {
    std::string name, data;
  };
  /// The events that are complete with `text`. Comments and events without data are left out.
  std::vector<Event> feed(std::string_view text);

 private:
  void end_line(std::vector<Event>& events);
  std::string line_;
  Event event_;
  bool has_data_ = false, after_return_ = false;
};

}  // namespace hone::net
