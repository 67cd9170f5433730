// UTF-8 and Unicode as the reference tokenizer library sees them. Character classes follow utf8proc's
// tables, with the places where the reference's tables differ kept as data (unicode_exceptions.inc), for
// a token's boundary depends on them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hone::text {

inline constexpr uint32_t kReplacement = 0xFFFD;

/// The number of bytes of the character whose first byte is `lead` (valid UTF-8 only).
inline size_t utf8_length(unsigned char lead) {
  return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

/// Decodes the character at `at` and advances behind it. `text` must be valid UTF-8 and at < size.
inline uint32_t next_code(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(text[at + i])); };
  const uint32_t lead = byte(0);
  if (lead < 0x80) {
    ++at;
    return lead;
  }
  uint32_t code;
  if (lead < 0xE0) {
    code = (lead & 0x1F) << 6 | (byte(1) & 0x3F);
    at += 2;
  } else if (lead < 0xF0) {
    code = (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    at += 3;
  } else {
    code = (lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
    at += 4;
  }
  return code;
}

/// The character that ends right before `end` > 0 (valid UTF-8); `start` becomes its first byte.
uint32_t code_before(std::string_view text, size_t end, size_t& start);

/// `code` must be a scalar value (no surrogate, at most U+10FFFF).
void append_utf8(std::string& out, uint32_t code);
std::string to_utf8(uint32_t code);
size_t count_codes(std::string_view text);

/// The length of the longest valid prefix; equal to text.size() when all of it is UTF-8 (RFC 3629).
size_t valid_utf8_prefix(std::string_view text);
/// Appends `bytes` to `out` with every maximal broken sequence as one U+FFFD (Unicode chapter 3.9,
/// "substitution of maximal subparts"; what Python's errors="replace" and Rust's lossy conversion do).
/// With `origin`, appends for each byte written the range of bytes of its character in `bytes`.
struct ByteRange {
  uint32_t begin = 0, end = 0;
  bool operator==(const ByteRange&) const = default;
};
void append_repaired(std::string& out, std::string_view bytes, std::vector<ByteRange>* origin = nullptr);
/// How many bytes at the end of `bytes` (0 to 3) may still become a character when more bytes follow.
size_t unfinished_utf8_suffix(std::string_view bytes);

/// General category as utf8proc_category_t, Unicode 16.
int category_beyond_ascii(uint32_t code);
constexpr uint32_t category_bit(int category) {
  return uint32_t{1} << category;
}
/// Sets of categories, for in_categories().
extern const uint32_t kLetters, kNumbers, kMarks, kPunctuation;
bool in_categories(uint32_t code, uint32_t set);

bool is_letter(uint32_t code);       ///< \p{L}
bool is_number(uint32_t code);       ///< \p{N}
bool is_space(uint32_t code);        ///< White_Space: \s of the reference's regular expressions
bool is_word(uint32_t code);         ///< \w: alphabetic, mark, decimal digit, connector, joiner
bool is_numeric(uint32_t code);      ///< what the Digits pre-tokenizer calls a digit
bool is_punctuation(uint32_t code);  ///< what the Punctuation pre-tokenizer calls so
bool is_accent(uint32_t code);       ///< what the StripAccents normalizer removes
/// What the BertNormalizer removes: as control character (clean_text; tab and line ends are up to it), as accent.
bool is_control_or_format(uint32_t code);
bool is_nonspacing_mark(uint32_t code);

/// Appends the lower case of `code`: one code point, two for U+0130.
void append_lowercase(std::vector<uint32_t>& out, uint32_t code);

int combining_class(uint32_t code);
/// Appends the full canonical (or compatibility) decomposition of one code point, unordered.
void append_decomposition(std::vector<uint32_t>& out, uint32_t code, bool compatibility);
/// The primary composite of two code points, or 0 when there is none.
uint32_t compose(uint32_t first, uint32_t second);
/// True when NFC surely leaves `text` alone: a quick test that may say no for text that is NFC already.
bool surely_composed(std::string_view text);

}  // namespace hone::text
