// Finite automata over characters (code points): what a pattern, a format and bounds on the length say of a
// string before it is spelled as JSON.
#pragma once
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "generate/constraints/budget.h"

namespace hone::generate {

constexpr uint32_t kLastChar = 0x10FFFF;
/// Closed ranges of code points, in order, without overlap.
using CharRanges = std::vector<std::pair<uint32_t, uint32_t>>;
CharRanges normalized(CharRanges ranges);
CharRanges complement(const CharRanges& ranges);

/// State 0 is the start. Class c is the code points from starts[c] up to the next class.
struct CharDfa {
  std::vector<uint32_t> starts{0};
  std::vector<int32_t> next;  ///< [states, classes]; -1 none
  std::vector<bool> accepting;

  size_t classes() const { return starts.size(); }
};

/// The strings that contain a match of a regular expression, as JSON Schema's "pattern" means it (ECMA-262):
/// alternatives, groups, classes, \d \w \s and their opposites, ., * + ? {n,m}, ^ and $ at the ends. Look-around,
/// back references, \b, \p and flags throw Error at budget.place. Where ECMA-262 and Python's re differ on
/// what matches (\w of other alphabets), only what both match is taken.
CharDfa compile_regex(std::string_view pattern, Budget& budget);
/// Strings of `min` to `max` characters; max < 0 for no bound.
CharDfa length_dfa(int64_t min, int64_t max, Budget& budget);
CharDfa intersect(const CharDfa& a, const CharDfa& b, Budget& budget);

}  // namespace hone::generate
