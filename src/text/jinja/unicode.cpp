#include "text/jinja/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <memory>

namespace hone::text::jinja {
namespace {

struct Range {
  uint32_t first, last;
};
struct Mapping {
  uint32_t from;
  const char32_t* to;
};
#include "text/jinja/unicode_tables.inc"

template <size_t N>
bool in_ranges(const Range (&ranges)[N], char32_t c) {
  const Range* at = std::upper_bound(std::begin(ranges), std::end(ranges), c,
                                     [](char32_t value, const Range& range) { return value < range.first; });
  return at != std::begin(ranges) && c <= at[-1].last;
}

template <size_t N>
void append_mapped(std::string& out, const Mapping (&mappings)[N], char32_t c, utf8proc_int32_t (*simple)(int32_t)) {
  if (c >= 0xDC80 && c <= 0xDCFF) return append_char(out, c);
  const Mapping* at = std::lower_bound(std::begin(mappings), std::end(mappings), c,
                                       [](const Mapping& mapping, char32_t value) { return mapping.from < value; });
  if (at != std::end(mappings) && at->from == c) {
    for (const char32_t* to = at->to; *to != 0; ++to) append_char(out, *to);
  } else {
    append_char(out, static_cast<char32_t>(simple(static_cast<int32_t>(c))));
  }
}

void append_upper(std::string& out, char32_t c) {
  append_mapped(out, kUpperMappings, c, utf8proc_toupper);
}
void append_title(std::string& out, char32_t c) {
  append_mapped(out, kTitleMappings, c, utf8proc_totitle);
}

utf8proc_category_t category(char32_t c) {
  if (c < 0x110000) return utf8proc_category(static_cast<int32_t>(c));
  return UTF8PROC_CATEGORY_CN;
}

bool is_cased(char32_t c) {
  return is_lower(c) || is_upper(c) || is_title(c);
}

/// Characters that the final-sigma rule looks through (Unicode 3.13, Case_Ignorable): marks, format
/// characters, modifiers and the word-internal punctuation of Word_Break.
bool is_case_ignorable(char32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK: return true;
    default: break;
  }
  constexpr char32_t kPunctuation[] = {0x27,   0x2E,   0x3A,   0xB7,   0x387,  0x55F,  0x5F4,  0x2018, 0x2019,
                                       0x2024, 0x2027, 0xFE13, 0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A};
  return std::find(std::begin(kPunctuation), std::end(kPunctuation), c) != std::end(kPunctuation);
}

/// Whether the capital sigma that lies at [begin, end) ends its word.
bool is_final_sigma(std::string_view text, size_t begin, size_t end) {
  char32_t before = 0;
  do {
    if (begin == 0) return false;
    before = previous_char(text, begin);
  } while (is_case_ignorable(before));
  if (!is_cased(before)) return false;
  while (end < text.size()) {
    const char32_t after = next_char(text, end);
    if (!is_case_ignorable(after)) return !is_cased(after);
  }
  return true;
}

void append_lower(std::string& out, std::string_view text, size_t begin, size_t end, char32_t c) {
  if (c == 0x3A3) {
    append_char(out, is_final_sigma(text, begin, end) ? 0x3C2 : 0x3C3);
  } else if (c == 0x130) {  // the one lower-case mapping that is two characters
    append_char(out, 'i');
    append_char(out, 0x307);
  } else if (c >= 0xDC80 && c <= 0xDCFF) {
    append_char(out, c);
  } else {
    append_char(out, static_cast<char32_t>(utf8proc_tolower(static_cast<int32_t>(c))));
  }
}

}  // namespace

char32_t next_char(std::string_view text, size_t& at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x80) return static_cast<char32_t>(text[at++]);
  utf8proc_int32_t c = -1;
  const auto used = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at),
                                     static_cast<utf8proc_ssize_t>(text.size() - at), &c);
  if (used <= 0) {
    ++at;
    return 0xDC00u + byte;
  }
  at += static_cast<size_t>(used);
  return static_cast<char32_t>(c);
}

char32_t previous_char(std::string_view text, size_t& at) {
  const size_t end = at;
  for (size_t back = 1; back <= 4 && back <= end; ++back) {
    size_t begin = end - back;
    if ((static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) continue;
    const size_t from = begin;
    const char32_t c = next_char(text, begin);
    if (begin != end) break;
    at = from;
    return c;
  }
  at = end - 1;
  return 0xDC00u + static_cast<unsigned char>(text[at]);
}

void append_char(std::string& text, char32_t c) {
  if (c < 0x80) {
    text.push_back(static_cast<char>(c));
  } else if (c >= 0xDC80 && c <= 0xDCFF) {
    text.push_back(static_cast<char>(c - 0xDC00));
  } else {
    utf8proc_uint8_t bytes[4];
    const auto size = utf8proc_encode_char(static_cast<int32_t>(c), bytes);
    text.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
  }
}

size_t char_count(std::string_view text) {
  size_t count = 0;
  for (size_t at = 0; at < text.size(); ++count) next_char(text, at);
  return count;
}

size_t byte_of_char(std::string_view text, size_t index) {
  size_t at = 0;
  for (; index > 0 && at < text.size(); --index) next_char(text, at);
  return at;
}

std::u32string to_chars(std::string_view text) {
  std::u32string chars;
  chars.reserve(text.size());
  for (size_t at = 0; at < text.size();) chars.push_back(next_char(text, at));
  return chars;
}

std::string to_utf8(std::u32string_view chars) {
  std::string text;
  for (const char32_t c : chars) append_char(text, c);
  return text;
}

bool is_space(char32_t c) {
  return (c >= 0x9 && c <= 0xD) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_alpha(char32_t c) {
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

bool is_decimal(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_ND;
}
int decimal_value(char32_t c) {
  // Decimal digits come in whole runs that start with zero.
  char32_t zero = c;
  while (zero > 0 && is_decimal(zero - 1)) --zero;
  return static_cast<int>((c - zero) % 10);
}

bool is_digit(char32_t c) {
  return is_decimal(c) || in_ranges(kDigits, c);
}

bool is_numeric(char32_t c) {
  const auto kind = category(c);
  return (kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO) || in_ranges(kNumerals, c);
}

bool is_alnum(char32_t c) {
  return is_alpha(c) || is_numeric(c);
}

bool is_printable(char32_t c) {
  if (c == ' ') return true;
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS: return false;
    default: return true;
  }
}

bool is_lower(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_LL || in_ranges(kLower, c);
}
bool is_upper(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_LU || in_ranges(kUpper, c);
}
bool is_title(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_LT;
}

bool is_line_break(char32_t c) {
  return (c >= 0xA && c <= 0xD) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool is_identifier(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const bool first = at == 0;
    const char32_t c = next_char(text, at);
    const auto kind = category(c);
    const bool starts = is_alpha(c) || kind == UTF8PROC_CATEGORY_NL || c == '_';
    const bool continues = starts || kind == UTF8PROC_CATEGORY_ND || kind == UTF8PROC_CATEGORY_MN ||
                           kind == UTF8PROC_CATEGORY_MC || kind == UTF8PROC_CATEGORY_PC;
    if (first ? !starts : !continues) return false;
  }
  return !text.empty();
}

std::string upper(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) append_upper(out, next_char(text, at));
  return out;
}

std::string lower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = next_char(text, at);
    append_lower(out, text, begin, at, c);
  }
  return out;
}

std::string title(std::string_view text) {
  std::string out;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = next_char(text, at);
    if (inside) {
      append_lower(out, text, begin, at, c);
    } else {
      append_title(out, c);
    }
    inside = is_cased(c);
  }
  return out;
}

std::string capitalize(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = next_char(text, at);
    if (begin == 0) {
      append_title(out, c);
    } else {
      append_lower(out, text, begin, at, c);
    }
  }
  return out;
}

std::string swapcase(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = next_char(text, at);
    if (is_upper(c)) {
      append_lower(out, text, begin, at, c);
    } else if (is_lower(c)) {
      append_upper(out, c);
    } else {
      append_char(out, c);
    }
  }
  return out;
}

std::string casefold(std::string_view text) {
  utf8proc_uint8_t* folded = nullptr;
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                 static_cast<utf8proc_ssize_t>(text.size()), &folded, UTF8PROC_CASEFOLD);
  if (size < 0) return lower(text);  // bytes that are not UTF-8
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> holder(folded, &std::free);
  return {reinterpret_cast<const char*>(folded), static_cast<size_t>(size)};
}

std::string_view strip(std::string_view text, const std::string* chars, bool left, bool right) {
  const std::u32string set = chars != nullptr ? to_chars(*chars) : std::u32string();
  const auto goes = [&](char32_t c) { return chars != nullptr ? set.find(c) != std::u32string::npos : is_space(c); };
  size_t begin = 0, end = text.size();
  while (left && begin < end) {
    size_t at = begin;
    if (!goes(next_char(text, at))) break;
    begin = at;
  }
  while (right && end > begin) {
    size_t at = end;
    if (!goes(previous_char(text, at))) break;
    end = at;
  }
  return text.substr(begin, end - begin);
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = at;
    const char32_t c = next_char(text, at);
    if (!is_line_break(c)) continue;
    if (c == '\r' && at < text.size() && text[at] == '\n') ++at;
    lines.push_back(text.substr(begin, (keep_ends ? at : end) - begin));
    begin = at;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

}  // namespace hone::text::jinja
