// Small string helpers used everywhere: formatting, joining, suggestions, cutting UTF-8 safely.
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace hone {

/// printf-style formatting into a string; the compiler checks the arguments.
[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...);

std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::vector<std::string> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
bool starts_with(std::string_view text, std::string_view prefix);
bool ends_with(std::string_view text, std::string_view suffix);

/// The closest of `known` to `word` (Damerau-Levenshtein distance at most a third of its length),
/// or "" when none is near. For "did you mean …".
std::string closest(std::string_view word, const std::vector<std::string>& known);

/// ` did you mean "x"?` or "" — ready to append to a message.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

/// The first `max_chars` code points of `text` (never half a character), with "…" when cut.
/// Control characters are shown as escapes so that a message stays on one line.
std::string excerpt(std::string_view text, size_t max_chars);

/// "1,234,567"
std::string with_commas(long long value);
/// "1.5 GiB", "12.3 MiB"
std::string human_bytes(double bytes);
/// "1:02:03" or "2:05"
std::string human_seconds(double seconds);
/// The number of columns a terminal uses for `text`: wide for Hangul and CJK, none for combining marks.
size_t display_width(std::string_view text);
/// `text` padded with blanks to `width` columns (on the left when `right` is set).
std::string pad(std::string_view text, size_t width, bool right = false);

}  // namespace hone
