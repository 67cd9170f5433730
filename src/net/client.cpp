#include "net/client.h"

#include <curl/curl.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "net/head.h"

namespace hone::net {
namespace {

/// What one attempt fills; callbacks of libcurl get a pointer to it.
struct Attempt {
  const ClientRequest& request;
  ClientAnswer answer;
  std::optional<AtomicFile> file;
  std::string fault;  // of ours, when a callback ended the transfer
  bool ended_by_caller = false, passed_on = false, stopped = false;
};

/// An exception must not go through libcurl: it becomes `fault`, and the transfer ends.
template <typename Call>
size_t guarded(Attempt& attempt, size_t size, const Call& call) {
  try {
    return call() ? size : 0;
  } catch (const std::exception& error) {
    attempt.fault = error.what();
  }
  return 0;
}

size_t on_header(char* bytes, size_t, size_t size, void* pointer) {
  auto& attempt = *static_cast<Attempt*>(pointer);
  return guarded(attempt, size, [&] {
    const std::string_view line = trim({bytes, size});
    if (starts_with(line, "HTTP/")) {
      attempt.answer.headers.clear();  // a 100 Continue came before
      return true;
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return true;
    std::string name(line.substr(0, colon));
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    attempt.answer.headers.emplace_back(std::move(name), trim(line.substr(colon + 1)));
    return true;
  });
}

struct Body {
  Attempt* attempt;
  CURL* handle;
};

size_t on_body(char* bytes, size_t, size_t size, void* pointer) {
  auto& body = *static_cast<Body*>(pointer);
  Attempt& attempt = *body.attempt;
  return guarded(attempt, size, [&] {
    long status = 0;
    curl_easy_getinfo(body.handle, CURLINFO_RESPONSE_CODE, &status);
    const bool good = status < 300;
    if (good && attempt.request.on_data) {
      attempt.passed_on = true;
      attempt.ended_by_caller = !attempt.request.on_data({bytes, size});
      return !attempt.ended_by_caller;
    }
    if (good && !attempt.request.download.empty()) {
      if (!attempt.file) attempt.file.emplace(attempt.request.download);
      attempt.file->write(bytes, size);
      return true;
    }
    if (static_cast<int64_t>(attempt.answer.body.size() + size) > attempt.request.max_answer) {
      attempt.fault = "the answer is longer than " + with_commas(attempt.request.max_answer) + " bytes";
      return false;
    }
    attempt.answer.body.append(bytes, size);
    return true;
  });
}

int on_transfer(void* pointer, curl_off_t, curl_off_t, curl_off_t total, curl_off_t sent) {
  auto& attempt = *static_cast<Attempt*>(pointer);
  const size_t passed = guarded(attempt, 1, [&] {
    attempt.stopped = !attempt.request.on_sent(sent, total);
    return !attempt.stopped;
  });
  return passed == 1 ? 0 : 1;
}

/// What never goes through a proxy: a key for a server on this machine is for nobody else.
std::string without_proxy() {
  std::string hosts = "localhost,127.0.0.1,::1";
  for (const char* name : {"no_proxy", "NO_PROXY"}) {
    if (const char* given = std::getenv(name); given != nullptr && *given != '\0') return hosts + "," + given;
  }
  return hosts;
}

struct List {
  curl_slist* first = nullptr;
  List() = default;
  ~List() { curl_slist_free_all(first); }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  void add(const std::string& line) { first = curl_slist_append(first, line.c_str()); }
};

struct Form {
  curl_mime* mime = nullptr;
  Form() = default;
  ~Form() { curl_mime_free(mime); }
  Form(const Form&) = delete;
  Form& operator=(const Form&) = delete;

  void fill(CURL* handle, const std::vector<ClientFormPart>& parts) {
    mime = curl_mime_init(handle);
    for (const ClientFormPart& given : parts) {
      curl_mimepart* part = curl_mime_addpart(mime);
      curl_mime_name(part, given.name.c_str());
      if (given.file.empty()) {
        curl_mime_data(part, given.body.data(), given.body.size());
      } else {
        require_exists(given.file, "file");
        curl_mime_filedata(part, given.file.c_str());
      }
      if (!given.filename.empty()) curl_mime_filename(part, given.filename.c_str());
      if (!given.content_type.empty()) curl_mime_type(part, given.content_type.c_str());
    }
  }
};

void check(const ClientRequest& request) {
  if (!starts_with(request.url, "http://") && !starts_with(request.url, "https://"))
    fail_input(request.url, "is no address of a service", "it begins with http:// or https://");
  for (const auto& [name, value] : request.headers) {
    if (!is_token(name) || !is_field_value(value))
      fail_input("header " + excerpt(name, 40), "holds characters that a header cannot have");
  }
}

double random_share() {
  thread_local std::mt19937_64 generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

}  // namespace

struct Client::Impl {
  CURL* handle = nullptr;
  std::string certificates;
  char fault[CURL_ERROR_SIZE] = {};

  Impl() {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    handle = curl_easy_init();
    if (handle == nullptr) fail_work("libcurl", "cannot be started");
  }
  ~Impl() { curl_easy_cleanup(handle); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void set_times(const ClientRequest& request);
  void set_body(const ClientRequest& request, List& headers, Form& form);
  CURLcode perform(Attempt& attempt, int number);
};

void Client::Impl::set_times(const ClientRequest& request) {
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_seconds * 1000));
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(request.seconds * 1000));
  if (request.idle_seconds > 0) {
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, std::max(1L, static_cast<long>(request.idle_seconds)));
  }
}

void Client::Impl::set_body(const ClientRequest& request, List& headers, Form& form) {
  if (!request.form.empty()) {
    form.fill(handle, request.form);
    curl_easy_setopt(handle, CURLOPT_MIMEPOST, form.mime);
  } else if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    headers.add("Content-Type: " + request.content_type);
  } else if (request.method == "HEAD") {
    curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
  }
  if (request.method != "HEAD") curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

CURLcode Client::Impl::perform(Attempt& attempt, int number) {
  const ClientRequest& request = attempt.request;
  curl_easy_reset(handle);  // options; connections are kept
  List headers;
  Form form;
  Body body{&attempt, handle};
  fault[0] = '\0';
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, fault);
  curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &attempt);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &body);
  curl_easy_setopt(handle, CURLOPT_NOPROXY, without_proxy().c_str());
  if (request.on_sent) {
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_transfer);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &attempt);
  }
  if (!certificates.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, certificates.c_str());
  set_times(request);
  set_body(request, headers, form);
  for (const auto& [name, value] : request.headers) headers.add(std::string(name).append(": ").append(value));
  if (number > 0) headers.add("x-stainless-retry-count: " + std::to_string(number));
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.first);
  const CURLcode code = curl_easy_perform(handle);
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  attempt.answer.status = static_cast<int>(status);
  // Both lists die here, so the handle must forget them.
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, nullptr);
  curl_easy_setopt(handle, CURLOPT_MIMEPOST, nullptr);
  return code;
}

const std::string* ClientAnswer::header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return &value;
  }
  return nullptr;
}

Client::Client() : impl_(std::make_unique<Impl>()) {}
Client::~Client() = default;

void Client::trust(const std::filesystem::path& certificates) {
  require_exists(certificates, "certificate file");
  impl_->certificates = certificates;
}

ClientAnswer Client::send(const ClientRequest& request) {
  check(request);
  for (int number = 0;; ++number) {
    Attempt attempt{.request = request};
    const CURLcode code = impl_->perform(attempt, number);
    const bool answered = code == CURLE_OK || attempt.ended_by_caller;
    if (attempt.stopped) throw Error(ErrorKind::kInterrupted, request.url, "stopped before the answer was there");
    if (!attempt.fault.empty()) fail_work(request.url, attempt.fault);
    if (code == CURLE_URL_MALFORMAT) fail_input(request.url, "is no address of a service");
    double pause = -1;
    if (number < request.retries && !attempt.passed_on)
      pause = retry_seconds(answered ? attempt.answer.status : 0, attempt.answer.headers, number, random_share(),
                            std::time(nullptr));
    if (pause < 0) {
      if (!answered) throw NoAnswer(request.url, impl_->fault[0] != '\0' ? impl_->fault : curl_easy_strerror(code));
      if (attempt.file) attempt.file->commit();
      if (!attempt.file && !request.download.empty() && attempt.answer.status < 300) write_file(request.download, "");
      attempt.answer.attempts = number + 1;
      return std::move(attempt.answer);
    }
    if (request.on_wait) request.on_wait(answered ? attempt.answer.status : 0, pause);
    std::this_thread::sleep_for(std::chrono::duration<double>(pause));
  }
}

}  // namespace hone::net
