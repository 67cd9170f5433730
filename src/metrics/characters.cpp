#include "metrics/characters.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace hone::metrics {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

struct Range {
  char32_t first, last;
};

template <size_t N>
bool in_ranges(const std::array<Range, N>& ranges, char32_t character) {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), character,
                                      [](char32_t value, const Range& range) { return value < range.first; });
  return after != ranges.begin() && character <= std::prev(after)->last;
}

utf8proc_category_t category(char32_t character) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(character));
}

/// Length of the sequence that a lead byte announces, and the bounds of its second byte (Unicode
/// table 3-7): these bounds alone shut out overlong forms, surrogates and values over U+10FFFF.
struct Lead {
  int length;
  uint8_t second_from, second_to;
};

Lead lead_of(uint8_t byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte >= 0xF1 && byte <= 0xF3) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

/// As next_character, and says whether the bytes were well-formed.
char32_t read_character(std::string_view text, size_t& at, bool& well_formed) {
  const auto first = static_cast<uint8_t>(text[at++]);
  well_formed = true;
  if (first < 0x80) return first;
  const Lead lead = lead_of(first);
  char32_t value = lead.length == 2 ? first & 0x1F : lead.length == 3 ? first & 0x0F : first & 0x07;
  for (int i = 1; i < lead.length; ++i) {
    const uint8_t byte = at < text.size() ? static_cast<uint8_t>(text[at]) : 0;
    if (byte < (i == 1 ? lead.second_from : 0x80) || byte > (i == 1 ? lead.second_to : 0xBF)) {
      well_formed = false;
      return kReplacement;
    }
    value = value << 6 | (byte & 0x3F);
    ++at;
  }
  well_formed = lead.length != 0;
  return well_formed ? value : kReplacement;
}

// Other_Lowercase and Other_Uppercase (PropList.txt): cased though their category is Lm, Mn, No or So.
constexpr std::array<Range, 28> kOtherCased = {
    {{0xAA, 0xAA},       {0xBA, 0xBA},       {0x2B0, 0x2B8},      {0x2C0, 0x2C1},     {0x2E0, 0x2E4},
     {0x345, 0x345},     {0x37A, 0x37A},     {0x1D2C, 0x1D6A},    {0x1D78, 0x1D78},   {0x1D9B, 0x1DBF},
     {0x2071, 0x2071},   {0x207F, 0x207F},   {0x2090, 0x209C},    {0x2160, 0x217F},   {0x24B6, 0x24E9},
     {0x2C7C, 0x2C7D},   {0xA69C, 0xA69D},   {0xA770, 0xA770},    {0xA7F8, 0xA7F9},   {0xAB5C, 0xAB5F},
     {0x10780, 0x10780}, {0x10783, 0x10785}, {0x10787, 0x107B0},  {0x107B2, 0x107BA}, {0x1F130, 0x1F149},
     {0x1F150, 0x1F169}, {0x1F170, 0x1F189}, {0x1FFFFF, 0x1FFFFF}}};

bool is_cased(char32_t character) {
  const auto kind = category(character);
  return kind == UTF8PROC_CATEGORY_LU || kind == UTF8PROC_CATEGORY_LL || kind == UTF8PROC_CATEGORY_LT ||
         in_ranges(kOtherCased, character);
}

/// Case_Ignorable: Mn, Me, Cf, Lm, Sk, and Word_Break MidLetter, MidNumLet or Single_Quote.
bool is_case_ignorable(char32_t character) {
  switch (character) {
    case 0x27:
    case 0x2E:
    case 0x3A:
    case 0xB7:
    case 0x387:
    case 0x55F:
    case 0x5F4:
    case 0x2018:
    case 0x2019:
    case 0x2024:
    case 0x2027:
    case 0xFE13:
    case 0xFE52:
    case 0xFE55:
    case 0xFF07:
    case 0xFF0E:
    case 0xFF1A: return true;
    default: break;
  }
  const auto kind = category(character);
  return kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_ME || kind == UTF8PROC_CATEGORY_CF ||
         kind == UTF8PROC_CATEGORY_LM || kind == UTF8PROC_CATEGORY_SK;
}

/// The condition Final_Sigma of SpecialCasing.txt: a cased letter before, none after.
bool is_final_sigma(const std::u32string& text, size_t at) {
  size_t before = at;
  while (before > 0 && is_case_ignorable(text[before - 1])) --before;
  if (before == 0 || !is_cased(text[before - 1])) return false;
  size_t after = at + 1;
  while (after < text.size() && is_case_ignorable(text[after])) ++after;
  return after == text.size() || !is_cased(text[after]);
}

/// Blocks in which every character is its own NFC and NFKC form and composes with nothing before it.
bool is_surely_composed(char32_t character) {
  return character < 0xA0 || (character >= 0xAC00 && character <= 0xD7A3) ||
         (character >= 0x4E00 && character <= 0x9FFF) || (character >= 0x3041 && character <= 0x3096) ||
         (character >= 0x30A1 && character <= 0x30FA) || (character >= 0x3001 && character <= 0x3029) ||
         (character >= 0x1F300 && character <= 0x1F64F);
}

}  // namespace

char32_t next_character(std::string_view text, size_t& at) {
  bool well_formed;
  return read_character(text, at, well_formed);
}

void append_utf8(std::string& out, char32_t character) {
  if (character < 0x80) {
    out += static_cast<char>(character);
    return;
  }
  if (character < 0x800) {
    out += static_cast<char>(0xC0 | character >> 6);
  } else {
    if (character < 0x10000) {
      out += static_cast<char>(0xE0 | character >> 12);
    } else {
      out += static_cast<char>(0xF0 | character >> 18);
      out += static_cast<char>(0x80 | (character >> 12 & 0x3F));
    }
    out += static_cast<char>(0x80 | (character >> 6 & 0x3F));
  }
  out += static_cast<char>(0x80 | (character & 0x3F));
}

std::u32string decode_utf8(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) out += next_character(text, at);
  return out;
}

std::string encode_utf8(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char32_t character : text) append_utf8(out, character);
  return out;
}

bool is_valid_utf8(std::string_view text) {
  bool well_formed = true;
  for (size_t at = 0; at < text.size() && well_formed;) read_character(text, at, well_formed);
  return well_formed;
}

std::string repair_utf8(std::string_view text) {
  return encode_utf8(decode_utf8(text));
}

bool is_ascii(std::string_view text) {
  unsigned char seen = 0;
  for (const char byte : text) seen |= static_cast<unsigned char>(byte);
  return seen < 0x80;
}

bool is_space(char32_t character) {
  if (character < 0x80) return (character >= 9 && character <= 13) || (character >= 0x1C && character <= 0x20);
  return character == 0x85 || character == 0xA0 || character == 0x1680 ||
         (character >= 0x2000 && character <= 0x200A) || character == 0x2028 || character == 0x2029 ||
         character == 0x202F || character == 0x205F || character == 0x3000;
}

bool is_mark(char32_t character) {
  const auto kind = category(character);
  return kind >= UTF8PROC_CATEGORY_MN && kind <= UTF8PROC_CATEGORY_ME;
}

bool is_format(char32_t character) {
  return category(character) == UTF8PROC_CATEGORY_CF;
}

bool is_letter_or_number(char32_t character) {
  const auto kind = category(character);
  return (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO) ||
         (kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO);
}

bool is_number(char32_t character) {
  const auto kind = category(character);
  return kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO;
}

bool is_decimal(char32_t character) {
  return category(character) == UTF8PROC_CATEGORY_ND;
}

bool is_punctuation(char32_t character) {
  const auto kind = category(character);
  return kind >= UTF8PROC_CATEGORY_PC && kind <= UTF8PROC_CATEGORY_PO;
}

bool is_symbol(char32_t character) {
  const auto kind = category(character);
  return kind >= UTF8PROC_CATEGORY_SM && kind <= UTF8PROC_CATEGORY_SO;
}

bool is_other_symbol(char32_t character) {
  return category(character) == UTF8PROC_CATEGORY_SO;
}

bool is_hangul_syllable(char32_t character) {
  return character >= 0xAC00 && character <= 0xD7A3;
}

bool is_unspaced_script(char32_t character) {
  static constexpr std::array<Range, 15> kRanges = {{{0xE01, 0xE4E},
                                                     {0xE81, 0xECD},
                                                     {0xF00, 0xFFF},
                                                     {0x1000, 0x109F},
                                                     {0x1780, 0x17D3},
                                                     {0x3005, 0x3007},
                                                     {0x3041, 0x309F},
                                                     {0x30A1, 0x30FF},
                                                     {0x31F0, 0x31FF},
                                                     {0x3400, 0x4DBF},
                                                     {0x4E00, 0x9FFF},
                                                     {0xF900, 0xFAFF},
                                                     {0xFF66, 0xFF9D},
                                                     {0x1B000, 0x1B16F},
                                                     {0x20000, 0x3FFFF}}};
  return character >= 0xE01 && in_ranges(kRanges, character);
}

std::string to_lower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  if (is_ascii(text)) {
    for (const char byte : text) out += byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte | 0x20) : byte;
    return out;
  }
  std::u32string characters;  // made only when a sigma asks what stands around it
  for (size_t at = 0, index = 0; at < text.size(); ++index) {
    const char32_t character = next_character(text, at);
    if (character == 0x130) {  // İ: the one letter whose lower case is two characters
      out += "i\xCC\x87";
    } else if (character == 0x3A3) {
      if (characters.empty()) characters = decode_utf8(text);
      append_utf8(out, is_final_sigma(characters, index) ? 0x3C2 : 0x3C3);
    } else {
      append_utf8(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(character))));
    }
  }
  return out;
}

std::string normalize(std::string_view text, Normalization form) {
  bool well_formed = true, composed = true;
  for (size_t at = 0; at < text.size() && composed;) {
    const char32_t character = read_character(text, at, well_formed);
    composed = well_formed && is_surely_composed(character);
  }
  if (composed) return std::string(text);
  std::string repaired = repair_utf8(text);
  if (form == Normalization::kNone) return repaired;
  const int options = UTF8PROC_STABLE | UTF8PROC_COMPOSE | (form == Normalization::kNfkc ? UTF8PROC_COMPAT : 0);
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(repaired.data()),
                   static_cast<utf8proc_ssize_t>(repaired.size()), &mapped, static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> holder(mapped, std::free);
  if (size < 0) throw std::bad_alloc();  // well-formed text leaves no other reason
  return {reinterpret_cast<const char*>(mapped), static_cast<size_t>(size)};
}

std::string_view strip_right(std::string_view text) {
  while (!text.empty()) {
    size_t start = text.size() - 1;
    while (start > 0 && text.size() - start < 4 && (static_cast<uint8_t>(text[start]) & 0xC0) == 0x80) --start;
    size_t at = start;
    if (!is_space(next_character(text, at)) || at != text.size()) break;
    text.remove_suffix(text.size() - start);
  }
  return text;
}

std::string_view strip(std::string_view text) {
  for (size_t at = 0; !text.empty(); at = 0) {
    if (!is_space(next_character(text, at))) break;
    text.remove_prefix(at);
  }
  return strip_right(text);
}

}  // namespace hone::metrics
