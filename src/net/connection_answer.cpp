// From what the handler says to bytes.
#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <utility>

#include "base/error.h"
#include "net/connection.h"
#include "net/wire.h"

namespace hone::net {
using boost::asio::awaitable;

namespace {

constexpr int kClientGone = 499;
constexpr int64_t kFilePiece = 256 << 10;
constexpr size_t kJoined = 64 << 10;  // a body up to this size goes out with its head

void add_default(Fields& fields, const std::string& name, const std::string& value) {
  for (const auto& [key, given] : fields) {
    if (key.size() == name.size() && ::strcasecmp(key.c_str(), name.c_str()) == 0) return;
  }
  if (!value.empty()) fields.emplace_back(name, value);
}

}  // namespace

/// A descriptor that is closed with its scope; opening and reading happen on worker threads.
struct Connection::File {
  int descriptor = -1;
  int64_t bytes = 0;
  File() = default;
  ~File() {
    if (descriptor >= 0) ::close(descriptor);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void open(const std::filesystem::path& path) {
    descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status {};
    if (descriptor < 0 || ::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode))
      fail_work(path.string(), "cannot be read to be sent");
    bytes = status.st_size;
  }
};

void Connection::dispatch(Call& call, const std::shared_ptr<Exchange>& exchange) {
  auto request = std::make_shared<Request>(std::move(call.request));
  call.request.id = call.noted.id;
  // Not the connection itself: a handler may take long, and the connection need not live for it.
  site_.post_work([&site = site_, exchange, request, route = call.route] {
    const Responder kept(exchange);  // until what the handler throws is known
    try {
      route->handler(std::move(*request), kept);
    } catch (const Fault& fault) {
      exchange->fail(fault);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kInput) {
        exchange->fail(Fault(400, "invalid_request", error.what()));
      } else {
        site.log(error.what());
        exchange->fail(Fault(500, "internal_error", "the server failed to answer this request"));
      }
    } catch (const std::exception& error) {
      site.log(error.what());
      exchange->fail(Fault(500, "internal_error", "the server failed to answer this request"));
    } catch (...) {
      site.log("a handler threw what is no exception");
      exchange->fail(Fault(500, "internal_error", "the server failed to answer this request"));
    }
  });
}

/// The status that was answered, or kClientGone; then the connection is closed.
awaitable<int> Connection::answer(Call& call, Exchange& exchange) {
  using What = Exchange::Step::What;
  while (true) {
    Exchange::Step step = exchange.next();
    switch (step.what) {
      case What::kWhole: co_return co_await answer_whole(call, std::move(step.response));
      case What::kFault:
        step.response = site_.error(step.fault->status, step.fault->code, step.fault->message);
        co_return co_await answer_whole(call, std::move(step.response));
      case What::kHead: co_return co_await answer_stream(call, exchange, std::move(step.response));
      case What::kWait:
        if (!wire_->ended()) {
          co_await wire_->wait(kNever);
          break;
        }
        [[fallthrough]];
      default: wire_->abort(); co_return kClientGone;
    }
  }
}

awaitable<int> Connection::answer_stream(Call& call, Exchange& exchange, Response response) {
  using What = Exchange::Step::What;
  const bool chunked = call.head.minor == 1;
  call.keep_alive = call.keep_alive && chunked && !site_.stopping;
  add_default(response.headers, "content-type", "text/event-stream; charset=utf-8");
  add_default(response.headers, "cache-control", "no-cache");
  std::string head;
  try {
    head = response_head(response.status, response.headers,
                         {.framing = chunked ? Framing::kChunked : Framing::kUntilClose,
                          .keep_alive = call.keep_alive,
                          .request_id = call.noted.id});
  } catch (const Error& error) {
    site_.log(error.what());
  }
  if (head.empty()) {
    response = site_.error(500, "internal_error", "the server failed to answer this request");
    co_return co_await answer_whole(call, std::move(response));
  }
  bool sent = co_await send(call, head);
  while (sent) {
    Exchange::Step step = exchange.next();
    if (step.what == What::kPiece) {
      if (call.head_only) continue;
      if (chunked) step.text = chunk(step.text);
      sent = co_await send(call, step.text);
    } else if (step.what == What::kEnd) {
      if (chunked && !call.head_only) sent = co_await send(call, kLastChunk);
      if (sent) co_return response.status;
    } else if (step.what == What::kCut || wire_->ended()) {
      break;
    } else {
      co_await wire_->wait(kNever);
    }
  }
  wire_->abort();
  co_return kClientGone;
}

/// The head of a whole answer, its file opened; "" when it cannot be sent as the handler gave it.
awaitable<std::string> Connection::head_of(Call& call, Response& response, File& file) {
  if (has_no_body(response.status)) {
    response.body.clear();
    response.file.clear();
  }
  add_default(response.headers, "content-type", response.content_type);
  HeadOptions options{.framing = has_no_body(response.status) ? Framing::kNoBody : Framing::kLength,
                      .length = static_cast<int64_t>(response.body.size()),
                      .keep_alive = call.keep_alive,
                      .request_id = call.noted.id};
  try {
    if (!response.file.empty()) {
      response.body.clear();
      co_await work([&] { file.open(response.file); });
      options.length = file.bytes;
    }
    co_return response_head(response.status, response.headers, options);
  } catch (const Error& error) {
    site_.log(error.what());
  }
  co_return "";
}

awaitable<int> Connection::answer_whole(Call& call, Response response) {
  File file;
  call.keep_alive = call.keep_alive && !site_.stopping;
  std::string head = co_await head_of(call, response, file);
  if (head.empty()) {
    response = {.status = 500, .body = "the server failed to answer this request\n"};
    const Response worded = site_.error(500, "internal_error", "the server failed to answer this request");
    if (is_field_value(worded.content_type)) {
      response.body = worded.body;
      response.content_type = worded.content_type;
    }
    head = co_await head_of(call, response, file);
  }
  if (call.head_only) response.body.clear();
  bool sent = false;
  if (response.body.size() <= kJoined) {
    head += response.body;
    sent = co_await send(call, head);
  } else {
    sent = co_await send(call, head);
    if (sent) sent = co_await send(call, response.body);
  }
  if (sent && !response.file.empty() && !call.head_only) sent = co_await send_file(call, file);
  co_return sent ? response.status : kClientGone;
}

/// False, and the connection closed, when the file is shorter than was promised or the client does not take it.
awaitable<bool> Connection::send_file(Call& call, const File& file) {
  std::string piece;
  for (int64_t at = 0; at < file.bytes;) {
    ssize_t count = 0;
    piece.resize(static_cast<size_t>(std::min(kFilePiece, file.bytes - at)));
    co_await work([&] { count = ::pread(file.descriptor, piece.data(), piece.size(), at); });
    if (count <= 0) {
      site_.log("a file became shorter while it was sent");
      wire_->abort();
      co_return false;
    }
    piece.resize(static_cast<size_t>(count));
    at += count;
    if (!co_await send(call, piece)) co_return false;
  }
  co_return true;
}

/// `bytes` must stay until it is done.
awaitable<bool> Connection::send(Call& call, std::string_view bytes) {
  call.sent += static_cast<int64_t>(bytes.size());
  return wire_->send(bytes);
}

}  // namespace hone::net
