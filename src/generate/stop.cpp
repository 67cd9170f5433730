#include "generate/stop.h"

#include <algorithm>

#include "base/error.h"

namespace hone::generate {
namespace {

/// The length of the longest end of `text` with which `word` begins (less than the whole word).
size_t overlap(std::string_view text, std::string_view word) {
  for (size_t length = std::min(text.size(), word.size() - 1); length > 0; --length) {
    if (word.substr(0, length) == text.substr(text.size() - length)) return length;
  }
  return 0;
}

}  // namespace

StopMatcher::StopMatcher(std::vector<std::string> strings) : strings_(std::move(strings)) {
  for (const std::string& word : strings_) {
    if (word.empty()) fail_input("stop", "a stop string is empty, so no answer could begin", "leave it out");
  }
}

std::string StopMatcher::push(std::string_view text) {
  if (stopped_) return "";
  held_ += text;
  size_t found = std::string::npos, waiting = 0;
  for (const std::string& word : strings_) {
    found = std::min(found, held_.find(word));
    waiting = std::max(waiting, overlap(held_, word));
  }
  stopped_ = found != std::string::npos;
  const size_t certain = stopped_ ? found : held_.size() - waiting;
  std::string ready = held_.substr(0, certain);
  stopped_ ? held_.clear() : void(held_.erase(0, certain));
  return ready;
}

std::string StopMatcher::flush() {
  std::string rest;
  rest.swap(held_);
  return rest;
}

}  // namespace hone::generate
