// What Split and Replace look for: a literal, a regular expression, or one of the published split
// patterns for which there is a hand-written matcher (split_patterns.h).
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/tokenizers/aligned_text.h"

namespace hone::text {

/// A stretch of text that the pattern matched, or that lies between matches.
struct Match {
  uint32_t begin = 0, end = 0;
  bool matched = false;
};

class Pattern {
 public:
  virtual ~Pattern() = default;
  /// Appends stretches that cover `text` (valid UTF-8) from begin to end in order.
  virtual void find(std::string_view text, std::vector<Match>& out) const = 0;
};

/// A regular expression in the reference's dialect (Oniguruma with Ruby syntax, UTF-8), run by PCRE2.
/// Differences in character classes are translated; a pattern that takes too long throws Error.
std::unique_ptr<Pattern> make_regex(const std::string& source, const std::string& place);
std::unique_ptr<Pattern> make_literal(std::string text);
/// Matches single characters.
std::unique_ptr<Pattern> make_character_class(bool (*contains)(uint32_t));
/// Reads {"String": …} or {"Regex": …}; a regular expression with a hand-written matcher gets it.
std::unique_ptr<Pattern> make_pattern(const Json& spec, const std::string& place);
/// The hand-written matcher for exactly this regular expression, or null.
std::unique_ptr<Pattern> make_known_pattern(std::string_view source);

/// What becomes of a match when text is split at matches.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };
/// "Removed", "Isolated" …; an unknown name throws at `place`.
SplitBehavior split_behavior(const std::string& name, const std::string& place);

/// Cuts every piece of `list` at the matches of `pattern`.
void split_pieces(PieceList& list, const Pattern& pattern, SplitBehavior behavior, bool invert = false);

/// The source of the regular expression in PCRE2's dialect (exposed for its test).
std::string to_pcre2(std::string_view source);

}  // namespace hone::text
