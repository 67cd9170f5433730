#include "text/jinja/text_tools.h"

#include <algorithm>
#include <cstring>

#include "text/jinja/unicode.h"

namespace hone::text::jinja {

size_t find_text(Runtime& runtime, std::string_view text, std::string_view wanted, size_t from) {
  if (from > text.size()) return std::string_view::npos;
  // memmem works in linear time whatever the texts are.
  const void* found = memmem(text.data() + from, text.size() - from, wanted.data(), wanted.size());
  const size_t at =
      found == nullptr ? std::string_view::npos : static_cast<size_t>(static_cast<const char*>(found) - text.data());
  runtime.spend(1 + ((found == nullptr ? text.size() : at) - from) / 16);
  return at;
}

size_t find_last(Runtime& runtime, std::string_view text, std::string_view wanted) {
  // rfind compares from each place anew: its worst case is the product of both lengths.
  const size_t at = text.rfind(wanted);
  const size_t places = text.size() - (at == std::string_view::npos ? 0 : at);
  runtime.spend(1 + places / 16 * (1 + wanted.size() / 64));
  return at;
}

std::string replace_text(Runtime& runtime, std::string_view text, std::string_view old, std::string_view with,
                         Int count) {
  std::string out;
  size_t from = 0;
  const auto append = [&](std::string_view part) { runtime.append(out, part); };
  if (old.empty()) {  // between all characters, and at both ends
    for (; count != 0; --count) {
      append(with);
      if (from >= text.size()) return out;
      const size_t begin = from;
      next_char(text, from);
      append(text.substr(begin, from - begin));
    }
    append(text.substr(from));
    return out;
  }
  for (; count != 0; --count) {
    const size_t at = find_text(runtime, text, old, from);
    if (at == std::string_view::npos) break;
    append(text.substr(from, at - from));
    append(with);
    from = at + old.size();
  }
  append(text.substr(from));
  return out;
}

namespace {

std::vector<std::string_view> split_at_space(std::string_view text, Int limit) {
  std::vector<std::string_view> parts;
  size_t at = 0;
  while (true) {
    while (at < text.size()) {
      size_t next = at;
      if (!is_space(next_char(text, next))) break;
      at = next;
    }
    if (at >= text.size()) return parts;
    if (limit-- == 0) {
      parts.push_back(strip(text.substr(at), nullptr, false, true));
      return parts;
    }
    const size_t begin = at;
    while (at < text.size()) {
      size_t next = at;
      if (is_space(next_char(text, next))) break;
      at = next;
    }
    parts.push_back(text.substr(begin, at - begin));
  }
}

std::vector<std::string_view> split_at_space_from_right(std::string_view text, Int limit) {
  std::vector<std::string_view> parts;
  while (true) {
    text = strip(text, nullptr, false, true);
    if (text.empty()) break;
    if (limit-- == 0) {
      parts.push_back(text);
      break;
    }
    size_t begin = text.size();
    while (begin > 0) {
      size_t before = begin;
      if (is_space(previous_char(text, before))) break;
      begin = before;
    }
    parts.push_back(text.substr(begin));
    text = text.substr(0, begin);
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

}  // namespace

std::vector<std::string_view> split_text(Runtime& runtime, std::string_view text, const std::string* separator,
                                         Int limit, bool from_right) {
  runtime.spend_bytes(text.size());
  if (separator == nullptr) return from_right ? split_at_space_from_right(text, limit) : split_at_space(text, limit);
  std::vector<std::string_view> parts;
  if (from_right) {
    for (; limit != 0; --limit) {
      const size_t at = find_last(runtime, text, *separator);
      if (at == std::string_view::npos) break;
      parts.push_back(text.substr(at + separator->size()));
      text = text.substr(0, at);
    }
    parts.push_back(text);
    std::reverse(parts.begin(), parts.end());
    return parts;
  }
  size_t from = 0;
  for (; limit != 0; --limit) {
    const size_t at = find_text(runtime, text, *separator, from);
    if (at == std::string_view::npos) break;
    parts.push_back(text.substr(from, at - from));
    from = at + separator->size();
  }
  parts.push_back(text.substr(from));
  return parts;
}

std::string fill_text(Runtime& runtime, std::string_view text, Int width, std::string_view filler, Alignment how) {
  const auto size = static_cast<Int>(char_count(text));
  if (width <= size) return std::string(text);
  if (width > static_cast<Int>(runtime.limits.string_bytes)) runtime.fail("a string grows too long");
  const auto missing = static_cast<size_t>(width - size);
  runtime.spend_bytes(text.size() + missing * filler.size());
  // str.center puts the odd blank on the left when the width is odd.
  const size_t half = missing / 2 + (missing & static_cast<size_t>(width) & 1);
  const size_t left = how == Alignment::kLeft ? 0 : how == Alignment::kRight ? missing : half;
  std::string out;
  for (size_t i = 0; i < left; ++i) out += filler;
  out += text;
  for (size_t i = left; i < missing; ++i) out += filler;
  return out;
}

namespace {

template <bool (*wanted)(char32_t), bool (*refused)(char32_t)>
bool all_cased(std::string_view text) {
  bool any = false;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_char(text, at);
    if (refused(c) || is_title(c)) return false;
    any = any || wanted(c);
  }
  return any;
}

}  // namespace

bool is_lower_text(std::string_view text) {
  return all_cased<is_lower, is_upper>(text);
}
bool is_upper_text(std::string_view text) {
  return all_cased<is_upper, is_lower>(text);
}

}  // namespace hone::text::jinja
