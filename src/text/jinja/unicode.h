// Text as Python's str sees it, over UTF-8: code points, character classes and case mappings. A byte
// that is not UTF-8 counts as one character (0xDC00 + byte) and is written back unchanged.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hone::text::jinja {

/// The character at byte `at`, which is moved behind it; `at` < text.size().
char32_t next_char(std::string_view text, size_t& at);
/// The character that ends at byte `at`, which is moved to its start; `at` > 0.
char32_t previous_char(std::string_view text, size_t& at);
void append_char(std::string& text, char32_t c);
/// len(): the number of characters.
size_t char_count(std::string_view text);
/// The byte at which character `index` begins; text.size() when there are fewer.
size_t byte_of_char(std::string_view text, size_t index);
std::u32string to_chars(std::string_view text);
std::string to_utf8(std::u32string_view chars);

bool is_space(char32_t c);      ///< str.isspace(), and \s of a regular expression
bool is_alpha(char32_t c);      ///< str.isalpha()
bool is_decimal(char32_t c);    ///< str.isdecimal()
int decimal_value(char32_t c);  ///< of a character that is_decimal()
bool is_digit(char32_t c);      ///< str.isdigit()
bool is_numeric(char32_t c);    ///< str.isnumeric()
bool is_alnum(char32_t c);      ///< str.isalnum()
bool is_printable(char32_t c);  ///< str.isprintable(), which decides what repr() escapes
bool is_lower(char32_t c);
bool is_upper(char32_t c);
bool is_title(char32_t c);       ///< category Lt
bool is_line_break(char32_t c);  ///< where str.splitlines() cuts
bool is_identifier(std::string_view text);

std::string upper(std::string_view text);
std::string lower(std::string_view text);  ///< final sigma included
std::string title(std::string_view text);  ///< str.title(): a word starts after anything without case
std::string capitalize(std::string_view text);
std::string swapcase(std::string_view text);
std::string casefold(std::string_view text);

/// str.strip() and friends; `chars` null means white space.
std::string_view strip(std::string_view text, const std::string* chars, bool left, bool right);
/// str.splitlines(); the views include the line break when `keep_ends`.
std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends);

}  // namespace hone::text::jinja
