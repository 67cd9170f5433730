// Characters as the reference scorers see them: Python's str.lower(), str.split() and Unicode
// categories, on UTF-8. Malformed bytes read as U+FFFD, one for each maximal part, as Python's
// errors="replace" does; nothing here throws on any input.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace hone::metrics {

/// The code point that starts at `text[at]`; moves `at` past it (by at least one byte).
char32_t next_character(std::string_view text, size_t& at);
void append_utf8(std::string& out, char32_t character);
std::u32string decode_utf8(std::string_view text);
std::string encode_utf8(std::u32string_view text);
/// True when every byte belongs to a well-formed sequence.
bool is_valid_utf8(std::string_view text);
/// `text` with each malformed part replaced by U+FFFD.
std::string repair_utf8(std::string_view text);

bool is_ascii(std::string_view text);
/// What str.split() splits on: bidirectional class WS, B or S, or category Zs.
bool is_space(char32_t character);
bool is_letter_or_number(char32_t character);
bool is_mark(char32_t character);
bool is_format(char32_t character);        ///< category Cf: joiners, soft hyphen, byte order mark
bool is_number(char32_t character);        ///< category N*
bool is_decimal(char32_t character);       ///< category Nd
bool is_punctuation(char32_t character);   ///< category P*
bool is_symbol(char32_t character);        ///< category S*
bool is_other_symbol(char32_t character);  ///< category So: emoji, ©, ★
bool is_hangul_syllable(char32_t character);
/// Scripts written without blanks between words: Han, kana, Thai, Lao, Khmer, Myanmar, Tibetan.
bool is_unspaced_script(char32_t character);

/// str.lower(): full lower-casing of Unicode's SpecialCasing, final sigma included.
std::string to_lower(std::string_view text);

enum class Normalization { kNone, kNfc, kNfkc };
/// Canonical (NFC) or compatibility (NFKC) composition; `text` is repaired first where malformed.
std::string normalize(std::string_view text, Normalization form);

/// str.strip() and str.rstrip().
std::string_view strip(std::string_view text);
std::string_view strip_right(std::string_view text);

}  // namespace hone::metrics
