// Work on strings that str methods and filters share; all of it is counted against the limits.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/runtime.h"

namespace hone::text::jinja {

/// Byte of the first occurrence at or after `from`, npos when there is none.
size_t find_text(Runtime& runtime, std::string_view text, std::string_view wanted, size_t from);
size_t find_last(Runtime& runtime, std::string_view text, std::string_view wanted);
/// str.replace(): at most `count` times, without limit when negative.
std::string replace_text(Runtime& runtime, std::string_view text, std::string_view old, std::string_view with,
                         Int count);
/// str.split() and rsplit(); a null separator means runs of white space.
std::vector<std::string_view> split_text(Runtime& runtime, std::string_view text, const std::string* separator,
                                         Int limit, bool from_right);

enum class Alignment { kLeft, kRight, kCenter };
/// Padded with `filler` (one character) to `width` characters.
std::string fill_text(Runtime& runtime, std::string_view text, Int width, std::string_view filler, Alignment how);

bool is_lower_text(std::string_view text);  ///< str.islower()
bool is_upper_text(std::string_view text);  ///< str.isupper()

}  // namespace hone::text::jinja
