#include "net/body_decoder.h"

#include <algorithm>

#include "base/strings.h"
#include "net/fault.h"

namespace hone::net {
namespace {

constexpr size_t kMostReadPast = 8 << 10;  // extensions and trailers of one body together
constexpr size_t kMostDigits = 15;         // a size below 2^60

[[noreturn]] void bad(const std::string& why) {
  throw Fault(400, "bad_request", why);
}

[[noreturn]] void too_large(int64_t limit) {
  throw Fault(413, "request_too_large", "the body is larger than the limit of " + with_commas(limit) + " bytes here");
}

}  // namespace

BodyDecoder::BodyDecoder(const Head& head, int64_t limit)
    : state_(head.chunked ? State::kChunkLine : State::kData),
      limit_(limit),
      left_(head.chunked ? 0 : std::max<int64_t>(0, head.content_length)) {
  if (left_ > limit) too_large(limit);
  if (!head.chunked && left_ == 0) state_ = State::kDone;
}

void BodyDecoder::add_data(std::string_view& input, std::string& out) {
  const size_t count = static_cast<size_t>(std::min<int64_t>(left_, static_cast<int64_t>(input.size())));
  out.append(input.substr(0, count));
  input.remove_prefix(count);
  left_ -= static_cast<int64_t>(count);
  bytes_ += static_cast<int64_t>(count);
}

/// True once `line_` is a whole line, without its end.
bool BodyDecoder::take_line(std::string_view& input) {
  while (!input.empty()) {
    const char c = input.front();
    input.remove_prefix(1);
    const bool after_return = !line_.empty() && line_.back() == '\r';
    if (c == '\n' && after_return) {
      line_.pop_back();
      return true;
    }
    if (after_return || !(c == '\r' || is_field_value({&c, 1}))) bad("a line of the chunked body must end with CR LF");
    line_ += c;
    if (line_.size() > kMostReadPast) bad("a line of the chunked body is too long");
  }
  return false;
}

void BodyDecoder::chunk_line() {
  const size_t digits = std::min(line_.find(';'), line_.size());
  if (digits == 0 || digits > kMostDigits || line_.find_first_not_of("0123456789abcdefABCDEF") < digits)
    bad("the size of a chunk must be hexadecimal digits");
  read_past_ += line_.size() - digits;
  if (read_past_ > kMostReadPast) bad("the extensions of the chunks are too long");
  left_ = std::stoll(line_.substr(0, digits), nullptr, 16);
  if (left_ > limit_ - bytes_) too_large(limit_);
  line_.clear();
  state_ = left_ == 0 ? State::kTrailer : State::kChunkData;
}

size_t BodyDecoder::decode(std::string_view input, std::string& out) {
  const size_t all = input.size();
  while (!input.empty() && state_ != State::kDone) {
    switch (state_) {
      case State::kData:
        add_data(input, out);
        if (left_ == 0) state_ = State::kDone;
        break;
      case State::kChunkLine:
        if (take_line(input)) chunk_line();
        break;
      case State::kChunkData:
        add_data(input, out);
        if (left_ == 0) state_ = State::kChunkEnd;
        break;
      case State::kChunkEnd:
        if (!take_line(input)) {
          if (!line_.empty() && line_ != "\r") bad("a chunk is longer than its size says");
          break;
        }
        if (!line_.empty()) bad("a chunk is longer than its size says");
        state_ = State::kChunkLine;
        break;
      case State::kTrailer:
        if (!take_line(input)) break;
        read_past_ += line_.size() + 2;
        if (read_past_ > kMostReadPast) bad("the trailer of the body is too long");
        if (line_.empty()) {
          state_ = State::kDone;
        } else {
          parse_field(line_);  // must have the form; what it says is not looked at
          line_.clear();
        }
        break;
      case State::kDone: break;
    }
  }
  return all - input.size();
}

}  // namespace hone::net
