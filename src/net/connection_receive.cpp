// From bytes to a Request: head, permission, route, body, in this order.
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <utility>

#include "base/strings.h"
#include "net/body_decoder.h"
#include "net/connection.h"
#include "net/multipart.h"
#include "net/upload.h"
#include "net/url.h"
#include "net/wire.h"

namespace hone::net {
using boost::asio::awaitable;

namespace {

constexpr size_t kUploadPiece = 128 << 10;  // handed to a worker at once
constexpr int64_t kSkippedBody = 64 << 10;

Clock::duration seconds(double count) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(count));
}

/// What one body takes of the room that all have together, until nobody holds the request any more.
class BodyRoom {
 public:
  explicit BodyRoom(std::shared_ptr<std::atomic<int64_t>> sum) : sum_(std::move(sum)) {}
  ~BodyRoom() { *sum_ -= bytes_; }
  BodyRoom(const BodyRoom&) = delete;
  BodyRoom& operator=(const BodyRoom&) = delete;

  /// Throws Fault(503) where there is no more.
  void take(size_t bytes, int64_t most) {
    const int64_t more = static_cast<int64_t>(bytes) - bytes_;
    bytes_ += more;
    if ((*sum_ += more) > most)
      throw Fault(503, "server_busy", "too many large requests are on their way; try again in a moment");
  }

 private:
  std::shared_ptr<std::atomic<int64_t>> sum_;
  int64_t bytes_ = 0;
};

HeadLimits head_limits(const Limits& limits) {
  return {.target_bytes = static_cast<size_t>(limits.uri_bytes),
          .bytes = static_cast<size_t>(limits.header_bytes),
          .fields = static_cast<size_t>(limits.header_count)};
}

/// 415 unless the body comes as it is and has the form that the route takes; 411 for a form without a length.
/// Returns the boundary of a multipart body.
std::string check_body_form(const Head& head, const RouteOptions& options) {
  const std::string* coding = head.header("content-encoding");
  if (coding != nullptr && !coding->empty() && *coding != "identity")
    throw Fault(415, "unsupported_encoding", "Content-Encoding is not taken: send the body uncompressed");
  if (!options.multipart) return "";
  if (!head.chunked && head.content_length < 0)
    throw Fault(411, "length_required", "a form needs Content-Length, or Transfer-Encoding: chunked");
  const std::string* type = head.header("content-type");
  std::string boundary = type == nullptr ? "" : multipart_boundary(*type);
  if (boundary.empty())
    throw Fault(415, "unsupported_media_type", "this request takes a form: Content-Type multipart/form-data");
  return boundary;
}

}  // namespace

/// Size of the head that stands at the front of the input, or 0 when the client has nothing more to say.
awaitable<size_t> Connection::receive_head(Call& call) {
  const Limits& limits = site_.options.limits;
  HeadScanner scanner(head_limits(limits));
  Time deadline = Clock::now() + seconds(limits.idle_seconds);
  bool begun = false, empty_line = false;
  while (true) {
    if (!wire_->input().empty() && !begun) {
      begun = true;
      call.begin = Clock::now();
      deadline = call.begin + seconds(limits.header_seconds);
    }
    size_t size = scanner.scan(wire_->input());
    if (size == 2) {  // an empty line before the request: RFC 9112 2.2 asks to let one pass
      if (std::exchange(empty_line, true)) throw Fault(400, "bad_request", "a request does not begin with empty lines");
      wire_->consume(size);
      scanner = HeadScanner(head_limits(limits));
      continue;
    }
    if (size != 0) co_return size;
    if (wire_->ended() || (site_.stopping && !begun)) co_return 0;
    if (Clock::now() >= deadline) {
      if (!begun) co_return 0;
      throw Fault(408, "request_timeout", "the headers did not arrive in time");
    }
    co_await wire_->wait(deadline);
  }
}

/// Fills the request from its head; throws Fault.
void Connection::understand(Call& call, std::string_view head) {
  call.head = parse_head(head, head_limits(site_.options.limits));
  Request& request = call.request;
  request.id = call.noted.id = request_id(call.head.header("x-request-id"));
  request.method = call.noted.method = call.head.method;
  request.headers = call.head.headers;
  call.head_only = request.method == "HEAD";
}

awaitable<Connection::Received> Connection::receive(Call& call) {
  call.begin = Clock::now();
  call.request.remote = call.noted.remote = remote_;
  call.request.id = call.noted.id = request_id(nullptr);
  const size_t size = co_await receive_head(call);
  if (size == 0) co_return Received::kNothing;
  understand(call, wire_->input().substr(0, size));
  wire_->consume(size);
  Target target = parse_target(call.head.target);
  Router::Match match = site_.router.match(call.request.method, target.segments);
  call.request.path = call.noted.path = std::move(target.path);
  call.request.query = std::move(target.query);
  call.request.route = call.noted.route = match.pattern;
  call.request.path_values = std::move(match.values);
  if (match.result == Router::Match::Result::kFound) call.route = &site_.routes[match.index];
  if (call.route != nullptr) call.request.permission = call.route->options.permission;
  co_await authorize(call, match);
  if (!call.refusal && call.route == nullptr) refuse_unrouted(call, match);
  if (call.refusal) {
    call.keep_alive = call.head.keep_alive && skip_body(call);
    co_return Received::kRequest;
  }
  call.keep_alive = call.head.keep_alive;
  const bool whole = co_await receive_body(call);
  co_return whole ? Received::kRequest : Received::kNothing;
}

awaitable<void> Connection::authorize(Call& call, const Router::Match& match) {
  if (!site_.options.authorize) co_return;
  if (match.result == Router::Match::Result::kFound && call.route->options.open) co_return;
  co_await work(
      [this, &call] { call.refusal = site_.options.authorize(call.request.method, call.request.path, call.request); });
  call.noted.principal = call.request.principal;
}

/// OPTIONS says what there is; everything else is 404 or 405.
void Connection::refuse_unrouted(Call& call, const Router::Match& match) {
  const bool known = match.result == Router::Match::Result::kNoMethod;
  if (call.request.method == "OPTIONS" && (known || call.request.path == "*")) {
    call.refusal = Response{.status = 204, .content_type = ""};
  } else if (known) {
    call.refusal =
        site_.error(405, "method_not_allowed", call.request.method + " is not allowed here; allowed: " + match.allow);
  } else {
    call.refusal = site_.error(404, "not_found", "there is nothing at " + excerpt(call.request.path, 200));
  }
  if (known) call.refusal->headers.emplace_back("allow", match.allow);
}

/// For an answer that does not wait for the body: true when the body is there already, so that the next request can
/// follow. Otherwise the connection ends.
bool Connection::skip_body(const Call& call) {
  if (!call.head.has_body()) return true;
  try {
    BodyDecoder decoder(call.head, kSkippedBody);
    std::string unused;
    wire_->consume(decoder.decode(wire_->input(), unused));
    return decoder.done();
  } catch (const Fault&) {
    return false;
  }
}

/// False when the client left. The body goes to Request::body, or through the parser of forms into parts.
awaitable<bool> Connection::receive_body(Call& call) {
  const Limits& limits = site_.options.limits;
  const RouteOptions& options = call.route->options;
  const std::string boundary = check_body_form(call.head, options);
  BodyDecoder decoder(call.head, options.max_body);
  UploadSink sink(site_.options.spool,
                  {.file_bytes = options.max_file > 0 ? options.max_file : options.max_body,
                   .field_bytes = options.max_fields,
                   .spool_room = site_.options.spool_room},
                  site_.spooled);
  MultipartParser parser(boundary, sink, {.parts = static_cast<size_t>(options.max_parts)});
  if (call.head.expects_continue && wire_->input().empty()) {
    if (!co_await wire_->send("HTTP/1.1 100 Continue\r\n\r\n")) co_return false;
  }
  const auto room = std::make_shared<BodyRoom>(site_.bodies);
  call.request.spooled = room;
  std::string piece;
  Time begin = Clock::now();
  while (!decoder.done()) {
    if (wire_->input().empty()) {
      if (wire_->ended()) co_return false;
      const double earned = static_cast<double>(decoder.bytes()) / static_cast<double>(limits.body_bytes_per_second);
      const Time deadline = begin + seconds(limits.body_grace_seconds + earned);
      if (Clock::now() >= deadline) throw Fault(408, "request_timeout", "the body arrives too slowly");
      co_await wire_->wait(deadline);
      continue;
    }
    wire_->consume(decoder.decode(wire_->input(), options.multipart ? piece : call.request.body));
    room->take(call.request.body.size(), limits.bodies_bytes);
    if (piece.size() < kUploadPiece) continue;
    const Time paused = Clock::now();
    co_await work([&] { parser.feed(piece); });
    piece.clear();
    begin += Clock::now() - paused;  // the disk's time is not the client's
  }
  if (!options.multipart) co_return true;
  co_await work([&] {
    parser.feed(piece);
    parser.finish();
  });
  sink.give_to(call.request);
  co_return true;
}

}  // namespace hone::net
