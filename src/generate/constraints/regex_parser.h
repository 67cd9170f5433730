// The tree of a regular expression; see compile_regex.
#pragma once
#include <string_view>
#include <vector>

#include "generate/constraints/char_dfa.h"

namespace hone::generate {

struct RegexNode {
  enum class Kind { kSet, kConcat, kAlternate, kRepeat };
  Kind kind = Kind::kConcat;
  CharRanges set;
  std::vector<RegexNode> children;
  int min = 0, max = 0;  ///< of a repeat; max < 0: no bound
};

/// The tree of what a whole string must be for `pattern` to be found in it: where an alternative has no ^ or
/// $, any characters stand before or behind.
RegexNode parse_regex(std::string_view pattern, Budget& budget);

}  // namespace hone::generate
