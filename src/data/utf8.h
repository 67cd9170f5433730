// UTF-8 as the Unicode standard defines it (table 3-7): no overlong forms, no surrogates, nothing past U+10FFFF.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace hone::data {

/// Offset of the first byte that is not valid UTF-8, or npos.
size_t find_invalid_utf8(std::string_view text);

/// Number of code points of valid UTF-8.
size_t count_characters(std::string_view text);

/// True when there is nothing but white space (also U+00A0, U+3000, U+200B and their like) in `text`.
bool is_blank(std::string_view text);

/// What two texts have in common when a reader would call them the same: NFKC, case folded, white space
/// collapsed, ends trimmed. Decomposed Hangul equals composed. Invalid UTF-8 is returned as it came.
std::string normalised(std::string_view text);

}  // namespace hone::data
