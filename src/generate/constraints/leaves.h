// The leaves of a JSON grammar: what a string, a number, a literal or a stretch of blanks is in bytes.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generate/constraints/byte_automaton.h"
#include "generate/constraints/char_dfa.h"

namespace hone::generate {

using Leaf = std::shared_ptr<const ByteAutomaton>;

/// Any of these byte strings.
Leaf literal_leaf(const std::vector<std::string>& choices, Budget& budget);
/// Nothing, one blank, or a line break and up to 32 blanks.
Leaf blank_leaf();
/// A JSON string, escapes and surrogate pairs included; its characters are counted against the bounds of
/// the grammar's leaf. One for the whole process, so that what fits is worked out once a tokenizer.
Leaf string_leaf();
/// Strings of `dfa`. Characters are written as they are where JSON allows it, else by the shortest escape.
/// Null when no string fits.
Leaf string_leaf(const CharDfa& dfa, Budget& budget);
/// The key of a member that is none of `taken`, written without escapes, with the colon behind it.
Leaf other_key_leaf(const std::vector<std::string>& taken, Budget& budget);
/// The regular expression of a "format"; null for a format that is not known.
const char* format_pattern(std::string_view format);

struct NumberRange {
  std::optional<std::string> low, high;  ///< decimals without exponent, e.g. "-0.5"
  bool low_open = false, high_open = false;
};
/// Integers of up to 18 digits, or also fractions (17 digits on either side, an exponent below 100; with bounds 15
/// digits in all and no exponent, so that a 64-bit float tells them all apart). Null when none lies in the range.
Leaf number_leaf(bool integer, const NumberRange& range, Budget& budget);

}  // namespace hone::generate
