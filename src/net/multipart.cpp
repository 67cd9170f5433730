#include "net/multipart.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "net/fault.h"

namespace hone::net {
namespace {

[[noreturn]] void bad(const std::string& why) {
  throw Fault(400, "invalid_multipart", "multipart body: " + why);
}

}  // namespace

MultipartParser::MultipartParser(const std::string& boundary, PartSink& sink, MultipartLimits limits)
    // The first boundary may stand at the very beginning: as if a line had ended before it.
    : delimiter_("\r\n--" + boundary), sink_(sink), limits_(limits), held_("\r\n") {}

void MultipartParser::feed(std::string_view bytes) {
  if (state_ == State::kEpilogue) return;
  held_.append(bytes);
  while (step()) {
  }
  held_.erase(0, at_);
  at_ = 0;
}

/// Uses what it can of held_; false when more must come first.
bool MultipartParser::step() {
  switch (state_) {
    case State::kPreamble:
    case State::kBody: return to_boundary();
    case State::kAfterBoundary: return after_boundary();
    case State::kHead: return head();
    case State::kEpilogue: at_ = held_.size(); return false;
  }
  return false;
}

bool MultipartParser::to_boundary() {
  const std::string_view rest = std::string_view(held_).substr(at_);
  const size_t found = rest.find(delimiter_);
  // A delimiter may have come in part: its beginning is kept until the rest is there.
  const size_t safe = found != std::string_view::npos   ? found
                      : rest.size() < delimiter_.size() ? 0
                                                        : rest.size() - delimiter_.size() + 1;
  if (state_ == State::kBody && safe > 0) sink_.data(rest.substr(0, safe));
  at_ += safe;
  if (found == std::string_view::npos) return false;
  at_ += delimiter_.size();
  if (state_ == State::kBody) sink_.end();
  state_ = State::kAfterBoundary;
  return true;
}

bool MultipartParser::after_boundary() {
  const std::string_view rest = std::string_view(held_).substr(at_);
  const size_t blanks = rest.find_first_not_of(" \t");  // transport padding, RFC 2046 5.1.1
  if (std::min(blanks, rest.size()) > limits_.head_bytes) bad("a boundary line is too long");
  if (blanks == std::string_view::npos || rest.size() < blanks + 2) return false;
  const std::string_view next = rest.substr(blanks, 2);
  if (next == "--" && blanks == 0) {
    state_ = State::kEpilogue;
    return true;
  }
  if (next != "\r\n") bad("the boundary must stand alone in its line, or end with \"--\"");
  if (++parts_ > limits_.parts) bad(format("there are more than %zu parts", limits_.parts));
  at_ += blanks;  // the CR LF stays: a head without fields is CR LF CR LF
  state_ = State::kHead;
  return true;
}

bool MultipartParser::head() {
  const std::string_view rest = std::string_view(held_).substr(at_);
  const size_t end = rest.find("\r\n\r\n");
  if (std::min(end, rest.size()) > limits_.head_bytes + (end == std::string_view::npos ? 3 : 0))
    bad("the head of a part is too long");
  if (end == std::string_view::npos) return false;
  sink_.begin(parse_part_head(end == 0 ? std::string_view() : rest.substr(2, end)));
  at_ += end + 4;
  state_ = State::kBody;
  return true;
}

void MultipartParser::finish() const {
  if (state_ != State::kEpilogue) bad("it ends before its closing boundary");
}

}  // namespace hone::net
