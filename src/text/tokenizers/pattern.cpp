#include "text/tokenizers/pattern.h"

#include <algorithm>

#include "text/tokenizers/json_fields.h"

namespace hone::text {
namespace {

class Literal : public Pattern {
 public:
  explicit Literal(std::string text) : text_(std::move(text)) {}

  void find(std::string_view text, std::vector<Match>& out) const override {
    size_t previous = 0;
    const auto put = [&](size_t begin, size_t end, bool matched) {
      if (begin < end) out.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(end), matched});
    };
    while (!text_.empty()) {
      const size_t at = text.find(text_, previous);
      if (at == std::string_view::npos) break;
      put(previous, at, false);
      previous = at + text_.size();
      put(at, previous, true);
    }
    put(previous, text.size(), false);
  }

 private:
  std::string text_;
};

class CharacterClass : public Pattern {
 public:
  explicit CharacterClass(bool (*contains)(uint32_t)) : contains_(contains) {}

  void find(std::string_view text, std::vector<Match>& out) const override {
    size_t previous = 0;
    for (size_t at = 0; at < text.size();) {
      const size_t begin = at;
      if (!contains_(next_code(text, at))) continue;
      if (previous < begin) out.push_back({static_cast<uint32_t>(previous), static_cast<uint32_t>(begin), false});
      out.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(at), true});
      previous = at;
    }
    if (previous < text.size()) {
      out.push_back({static_cast<uint32_t>(previous), static_cast<uint32_t>(text.size()), false});
    }
  }

 private:
  bool (*contains_)(uint32_t);
};

/// Joins neighbours of `matches` as `behavior` asks; afterwards `matched` means "drop it".
void arrange(std::vector<Match>& matches, SplitBehavior behavior) {
  std::vector<Match> out;
  bool previous = false;
  const auto join_or_push = [&](const Match& match, bool join, bool forward) {
    if (join && !out.empty()) {
      (forward ? out.back().end : out.back().begin) = forward ? match.end : match.begin;
    } else {
      out.push_back({match.begin, match.end, false});
    }
    previous = match.matched;
  };
  switch (behavior) {
    case SplitBehavior::kRemoved: return;
    case SplitBehavior::kIsolated:
      for (Match& match : matches) match.matched = false;
      return;
    case SplitBehavior::kContiguous:
      for (const Match& match : matches) join_or_push(match, match.matched == previous, true);
      break;
    case SplitBehavior::kMergedWithPrevious:
      for (const Match& match : matches) join_or_push(match, match.matched && !previous, true);
      break;
    case SplitBehavior::kMergedWithNext:
      for (auto it = matches.rbegin(); it != matches.rend(); ++it) join_or_push(*it, it->matched && !previous, false);
      std::reverse(out.begin(), out.end());
      break;
  }
  matches = std::move(out);
}

}  // namespace

std::unique_ptr<Pattern> make_literal(std::string text) {
  return std::make_unique<Literal>(std::move(text));
}
std::unique_ptr<Pattern> make_character_class(bool (*contains)(uint32_t)) {
  return std::make_unique<CharacterClass>(contains);
}

std::unique_ptr<Pattern> make_pattern(const Json& spec, const std::string& place) {
  if (spec.is_object() && spec.size() == 1) {
    if (spec.contains("String")) return make_literal(field<std::string>(spec, "String", place));
    if (spec.contains("Regex")) {
      const std::string source = field<std::string>(spec, "Regex", place);
      if (auto known = make_known_pattern(source)) return known;
      return make_regex(source, place);
    }
  }
  fail_input(place, "must be {\"String\": …} or {\"Regex\": …}");
}

SplitBehavior split_behavior(const std::string& name, const std::string& place) {
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  fail_input(place,
             "\"" + name + "\" is unknown; known: Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous");
}

void split_pieces(PieceList& list, const Pattern& pattern, SplitBehavior behavior, bool invert) {
  std::vector<ByteRange> pieces;
  std::vector<Match> matches;
  for (const ByteRange piece : list.pieces) {
    matches.clear();
    pattern.find(list.view(piece), matches);
    if (invert) {
      for (Match& match : matches) match.matched = !match.matched;
    }
    arrange(matches, behavior);
    pieces.reserve(pieces.size() + matches.size());
    for (const Match& match : matches) {
      if (!match.matched && match.begin < match.end) {
        pieces.push_back({piece.begin + match.begin, piece.begin + match.end});
      }
    }
  }
  list.pieces = std::move(pieces);
}

}  // namespace hone::text
