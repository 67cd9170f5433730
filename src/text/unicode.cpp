#include "text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace hone::text {
namespace {

struct CodeRange {
  uint32_t first, last;
};
struct CategoryRange {
  uint32_t first, last;
  int category;
};
struct CodePair {
  uint32_t from, to;
};
#include "text/unicode_exceptions.inc"

template <typename Range, size_t n>
const Range* find_range(const Range (&ranges)[n], uint32_t code) {
  const auto* it = std::upper_bound(std::begin(ranges), std::end(ranges), code,
                                    [](uint32_t value, const Range& range) { return value < range.first; });
  if (it == std::begin(ranges)) return nullptr;
  --it;
  return code <= it->last ? it : nullptr;
}

constexpr uint32_t kDecimalDigits = category_bit(UTF8PROC_CATEGORY_ND);

}  // namespace

const uint32_t kLetters = category_bit(UTF8PROC_CATEGORY_LU) | category_bit(UTF8PROC_CATEGORY_LL) |
                          category_bit(UTF8PROC_CATEGORY_LT) | category_bit(UTF8PROC_CATEGORY_LM) |
                          category_bit(UTF8PROC_CATEGORY_LO);
const uint32_t kNumbers = kDecimalDigits | category_bit(UTF8PROC_CATEGORY_NL) | category_bit(UTF8PROC_CATEGORY_NO);
const uint32_t kMarks =
    category_bit(UTF8PROC_CATEGORY_MN) | category_bit(UTF8PROC_CATEGORY_MC) | category_bit(UTF8PROC_CATEGORY_ME);
const uint32_t kPunctuation = category_bit(UTF8PROC_CATEGORY_PC) | category_bit(UTF8PROC_CATEGORY_PD) |
                              category_bit(UTF8PROC_CATEGORY_PS) | category_bit(UTF8PROC_CATEGORY_PE) |
                              category_bit(UTF8PROC_CATEGORY_PI) | category_bit(UTF8PROC_CATEGORY_PF) |
                              category_bit(UTF8PROC_CATEGORY_PO);

uint32_t code_before(std::string_view text, size_t end, size_t& start) {
  start = end - 1;
  while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
  size_t at = start;
  return next_code(text, at);
}

void append_utf8(std::string& out, uint32_t code) {
  const auto put = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

std::string to_utf8(uint32_t code) {
  std::string out;
  append_utf8(out, code);
  return out;
}

size_t count_codes(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

namespace {

/// Looks at the sequence at `at`: its length if valid; otherwise 0, with `broken` the length of the
/// maximal broken part and `cut` set when the text ended inside a sequence that was fine so far.
size_t sequence_length(std::string_view text, size_t at, size_t& broken, bool& cut) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  cut = false;
  broken = 1;
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const size_t length = utf8_length(lead);
  // The second byte's range excludes overlong forms, surrogates and values past U+10FFFF.
  const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (size_t i = 1; i < length; ++i) {
    if (at + i >= text.size()) {
      cut = true;
      return 0;
    }
    const unsigned char next = byte(at + i);
    if (next < (i == 1 ? low : 0x80) || next > (i == 1 ? high : 0xBF)) return 0;
    ++broken;
  }
  return length;
}

}  // namespace

size_t valid_utf8_prefix(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    uint64_t block;
    while (at + sizeof block <= text.size()) {  // eight ASCII bytes at a time
      std::copy_n(text.data() + at, sizeof block, reinterpret_cast<char*>(&block));
      if (block & 0x8080808080808080u) break;
      at += sizeof block;
    }
    if (at >= text.size()) break;
    size_t broken;
    bool cut;
    const size_t length = sequence_length(text, at, broken, cut);
    if (length == 0) return at;
    at += length;
  }
  return text.size();
}

void append_repaired(std::string& out, std::string_view bytes, std::vector<ByteRange>* origin) {
  size_t at = 0;
  while (at < bytes.size()) {
    size_t broken;
    bool cut;
    const size_t length = sequence_length(bytes, at, broken, cut);
    const size_t taken = length ? length : broken;
    const size_t before = out.size();
    if (length) {
      out.append(bytes.substr(at, length));
    } else {
      append_utf8(out, kReplacement);
    }
    if (origin) {
      origin->insert(origin->end(), out.size() - before,
                     {static_cast<uint32_t>(at), static_cast<uint32_t>(at + taken)});
    }
    at += taken;
  }
}

size_t unfinished_utf8_suffix(std::string_view bytes) {
  for (size_t back = 1; back <= 3 && back <= bytes.size(); ++back) {
    const size_t at = bytes.size() - back;
    if ((static_cast<unsigned char>(bytes[at]) & 0xC0) == 0x80) continue;
    size_t broken;
    bool cut;
    return sequence_length(bytes, at, broken, cut) == 0 && cut ? back : 0;
  }
  return 0;
}

int category_beyond_ascii(uint32_t code) {
  if (code >= 0xAC00 && code <= 0xD7A3) return UTF8PROC_CATEGORY_LO;  // Hangul syllables
  if (code >= 0x4E00 && code <= 0x9FFF) return UTF8PROC_CATEGORY_LO;  // CJK unified ideographs
  const int known = utf8proc_category(static_cast<utf8proc_int32_t>(code));
  if (known != UTF8PROC_CATEGORY_CN) return known;
  const CategoryRange* newer = find_range(kNewerCategories, code);
  return newer ? newer->category : known;
}

namespace {

std::array<uint32_t, 128> ascii_category_bits() {
  std::array<uint32_t, 128> bits{};
  for (uint32_t c = 0; c < 128; ++c) bits[c] = category_bit(utf8proc_category(static_cast<utf8proc_int32_t>(c)));
  return bits;
}
const std::array<uint32_t, 128> kAsciiBits = ascii_category_bits();

}  // namespace

bool in_categories(uint32_t code, uint32_t set) {
  return (code < 128 ? kAsciiBits[code] : category_bit(category_beyond_ascii(code))) & set;
}

bool is_letter(uint32_t code) {
  return in_categories(code, kLetters);
}
bool is_number(uint32_t code) {
  return in_categories(code, kNumbers);
}

bool is_space(uint32_t code) {
  if (code < 0x80) return code == ' ' || (code >= 9 && code <= 13);
  if (code < 0x1680) return code == 0x85 || code == 0xA0;
  return code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F ||
         code == 0x205F || code == 0x3000;
}

bool is_word(uint32_t code) {
  // Alphabetic is not a general category: beside letters, marks and letter numbers it has circled and
  // squared Latin letters, which are symbols.
  static const uint32_t kWord =
      kLetters | kMarks | kDecimalDigits | category_bit(UTF8PROC_CATEGORY_NL) | category_bit(UTF8PROC_CATEGORY_PC);
  return in_categories(code, kWord) || code == 0x200C || code == 0x200D || (code >= 0x24B6 && code <= 0x24E9) ||
         (code >= 0x1F130 && code <= 0x1F149) || (code >= 0x1F150 && code <= 0x1F169) ||
         (code >= 0x1F170 && code <= 0x1F189);
}

bool is_numeric(uint32_t code) {
  return is_number(code) || (code >= kAlsoNumeric[0].first && find_range(kAlsoNumeric, code));
}

bool is_punctuation(uint32_t code) {
  static const uint32_t kAsciiSymbols = category_bit(UTF8PROC_CATEGORY_SM) | category_bit(UTF8PROC_CATEGORY_SC) |
                                        category_bit(UTF8PROC_CATEGORY_SK) | category_bit(UTF8PROC_CATEGORY_SO);
  if (code < 128) return in_categories(code, kPunctuation | kAsciiSymbols);
  if (!in_categories(code, kPunctuation)) return find_range(kAlsoPunctuation, code) != nullptr;
  // The reference's table is of Unicode 9: punctuation assigned later does not count.
  return find_range(kNotPunctuation, code) == nullptr &&
         utf8proc_category(static_cast<utf8proc_int32_t>(code)) != UTF8PROC_CATEGORY_CN;
}

bool is_accent(uint32_t code) {
  if (code < 0x300) return false;
  if (!(category_bit(utf8proc_category(static_cast<utf8proc_int32_t>(code))) & kMarks)) {
    return find_range(kAlsoStripped, code) != nullptr;
  }
  return find_range(kMarksNotStripped, code) == nullptr;
}

bool is_control_or_format(uint32_t code) {
  if (code < 0xA0) return code < 0x20 || code >= 0x7F;
  static const uint32_t kOther =
      category_bit(UTF8PROC_CATEGORY_CC) | category_bit(UTF8PROC_CATEGORY_CF) | category_bit(UTF8PROC_CATEGORY_CO);
  const bool other = category_bit(utf8proc_category(static_cast<utf8proc_int32_t>(code))) & kOther;
  return other != (find_range(kOtherDiffers, code) != nullptr);
}

bool is_nonspacing_mark(uint32_t code) {
  if (code < 0x300) return false;
  const bool mark = utf8proc_category(static_cast<utf8proc_int32_t>(code)) == UTF8PROC_CATEGORY_MN;
  return mark != (find_range(kNonspacingDiffers, code) != nullptr);
}

void append_lowercase(std::vector<uint32_t>& out, uint32_t code) {
  if (code < 128) {
    out.push_back(code >= 'A' && code <= 'Z' ? code + 32 : code);
    return;
  }
  if (code == 0x130) {
    out.insert(out.end(), {0x69, 0x307});
    return;
  }
  for (const CodePair& pair : kLowercase) {
    if (pair.from == code) {
      out.push_back(pair.to);
      return;
    }
    if (pair.from > code) break;
  }
  out.push_back(static_cast<uint32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code))));
}

int combining_class(uint32_t code) {
  if (code < 0x300) return 0;
  const int known = utf8proc_get_property(static_cast<utf8proc_int32_t>(code))->combining_class;
  return known != 0 && find_range(kCombiningUnknown, code) ? 0 : known;
}

void append_decomposition(std::vector<uint32_t>& out, uint32_t code, bool compatibility) {
  if (code < 0xA0 || find_range(kCanonicalUnknown, code) ||
      (compatibility && find_range(kCompatibilityUnknown, code))) {
    out.push_back(code);
    return;
  }
  std::array<utf8proc_int32_t, 32> parts;  // the longest is 18 (U+FDFA)
  int boundary = 0;
  const auto options =
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (compatibility ? UTF8PROC_COMPAT : 0));
  const utf8proc_ssize_t count =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code), parts.data(),
                              static_cast<utf8proc_ssize_t>(parts.size()), options, &boundary);
  for (utf8proc_ssize_t i = 0; i < count; ++i) out.push_back(static_cast<uint32_t>(parts[static_cast<size_t>(i)]));
}

uint32_t compose(uint32_t first, uint32_t second) {
  std::array<utf8proc_int32_t, 2> pair{static_cast<utf8proc_int32_t>(first), static_cast<utf8proc_int32_t>(second)};
  const utf8proc_ssize_t count =
      utf8proc_normalize_utf32(pair.data(), 2, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  if (count != 1 || find_range(kCanonicalUnknown, static_cast<uint32_t>(pair[0]))) return 0;
  return static_cast<uint32_t>(pair[0]);
}

bool surely_composed(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0xCC) {  // below U+0300
      ++at;
      continue;
    }
    const uint32_t code = next_code(text, at);
    const bool inert = code < 0x300 || (code >= 0xAC00 && code <= 0xD7A3) || (code >= 0x4E00 && code <= 0x9FFF) ||
                       (code >= 0x3041 && code <= 0x3096) || (code >= 0x30A1 && code <= 0x30FA) ||
                       (code >= 0x3131 && code <= 0x318E) || (code >= 0x2010 && code <= 0x2027) ||
                       (code >= 0x3003 && code <= 0x3029);
    if (!inert) return false;
  }
  return true;
}

}  // namespace hone::text
