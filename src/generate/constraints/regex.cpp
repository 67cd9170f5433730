// compile_regex: text to a tree (Parser), tree to an NFA (Thompson 1968), NFA to a DFA (subsets).
#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/strings.h"
#include "generate/constraints/char_dfa.h"
#include "generate/constraints/regex_parser.h"

namespace hone::generate {
namespace {

constexpr size_t kMostStates = 20'000;

struct Nfa {
  struct State {
    int set = -1;  // index into sets: what leads to `to`
    int32_t to = -1;
    std::vector<int32_t> free;  // reached without a character
  };
  std::vector<State> states;
  std::vector<CharRanges> sets;
};

/// Adds the states of a tree between two given states, copying what is repeated.
class Builder {
 public:
  Builder(Nfa& nfa, Budget& budget) : nfa_(nfa), budget_(budget) {}

  int32_t add() {
    budget_.spend(4);
    if (nfa_.states.size() >= kMostStates) {
      budget_.refuse(format("the pattern has more than %zu states", kMostStates), "shorten its repeat counts {n,m}");
    }
    nfa_.states.emplace_back();
    return static_cast<int32_t>(nfa_.states.size()) - 1;
  }
  void free(int32_t from, int32_t to) { nfa_.states[static_cast<size_t>(from)].free.push_back(to); }

  /// Returns the state in which `node`, begun in `from`, ends.
  int32_t build(const RegexNode& node, int32_t from) {
    switch (node.kind) {
      case RegexNode::Kind::kSet: {
        const int32_t to = add();
        nfa_.states[static_cast<size_t>(from)].set = set_of(node);
        nfa_.states[static_cast<size_t>(from)].to = to;
        const int32_t end = add();  // `to` may get a set of its own; whoever follows starts in a fresh state
        free(to, end);
        return end;
      }
      case RegexNode::Kind::kConcat:
        for (const RegexNode& child : node.children) from = build(child, from);
        return from;
      case RegexNode::Kind::kAlternate: {
        const int32_t end = add();
        for (const RegexNode& child : node.children) {
          const int32_t begin = add();
          free(from, begin);
          free(build(child, begin), end);
        }
        return end;
      }
      case RegexNode::Kind::kRepeat: return repeat(node, from);
    }
    return from;
  }

 private:
  int32_t repeat(const RegexNode& node, int32_t from) {
    const RegexNode& child = node.children[0];
    for (int i = 0; i < node.min; ++i) {
      from = build(child, from);
      budget_.spend(1);
    }
    if (node.max < 0) {
      const int32_t loop = add(), inner = add(), end = add();
      free(from, loop);
      free(loop, inner);
      free(build(child, inner), loop);
      free(loop, end);
      return end;
    }
    const int32_t end = add();
    for (int i = node.min; i < node.max; ++i) {
      const int32_t begin = add();
      free(from, end);
      free(from, begin);
      from = build(child, begin);
    }
    free(from, end);
    return end;
  }

  int set_of(const RegexNode& node) {
    const auto [at, is_new] = known_.try_emplace(&node, static_cast<int>(nfa_.sets.size()));
    if (is_new) nfa_.sets.push_back(node.set);
    return at->second;
  }

  Nfa& nfa_;
  Budget& budget_;
  std::map<const RegexNode*, int> known_;
};

class Subsets {
 public:
  Subsets(const Nfa& nfa, Budget& budget) : nfa_(nfa), budget_(budget), marked_(nfa.states.size()) {}

  CharDfa run(int32_t start, int32_t end) {
    CharDfa out;
    const std::vector<std::vector<size_t>> classes_of = cut(out.starts);
    state_of({start});
    std::vector<std::vector<int32_t>> moves(out.classes());
    for (size_t at = 0; at < subsets_.size(); ++at) {
      bool accepting = false;
      int64_t work = 16 + static_cast<int64_t>(out.classes());
      for (const int32_t member : *subsets_[at]) {
        accepting |= member == end;
        const Nfa::State& state = nfa_.states[static_cast<size_t>(member)];
        if (state.set < 0) continue;
        for (const size_t c : classes_of[static_cast<size_t>(state.set)]) {
          moves[c].push_back(state.to);
          ++work;
        }
      }
      budget_.spend(work);
      out.accepting.push_back(accepting);
      for (std::vector<int32_t>& to : moves) {
        out.next.push_back(to.empty() ? -1 : state_of(to));
        to.clear();
      }
    }
    return out;
  }

 private:
  /// Cuts the code points where a set begins or ends; by set, the classes it consists of.
  std::vector<std::vector<size_t>> cut(std::vector<uint32_t>& starts) {
    std::set<uint32_t> cuts{0};
    for (const CharRanges& set : nfa_.sets) {
      for (const auto& [low, high] : set) {
        cuts.insert(low);
        if (high < kLastChar) cuts.insert(high + 1);
      }
    }
    starts.assign(cuts.begin(), cuts.end());
    budget_.spend(static_cast<int64_t>(starts.size() * nfa_.sets.size()));
    std::vector<std::vector<size_t>> out;
    for (const CharRanges& set : nfa_.sets) {
      std::vector<size_t>& classes = out.emplace_back();
      for (const auto& [low, high] : set) {
        for (auto c = static_cast<size_t>(std::lower_bound(starts.begin(), starts.end(), low) - starts.begin());
             c < starts.size() && starts[c] <= high; ++c) {
          classes.push_back(c);
        }
      }
    }
    return out;
  }

  int32_t state_of(std::vector<int32_t> set) {
    // Only states that read a character, or end, tell two sets apart; all that is reached freely is added first.
    std::vector<int32_t> reached;
    while (!set.empty()) {
      const int32_t state = set.back();
      set.pop_back();
      if (marked_[static_cast<size_t>(state)]) continue;
      marked_[static_cast<size_t>(state)] = true;
      reached.push_back(state);
      const auto& free = nfa_.states[static_cast<size_t>(state)].free;
      set.insert(set.end(), free.begin(), free.end());
    }
    for (const int32_t state : reached) marked_[static_cast<size_t>(state)] = false;
    budget_.spend(static_cast<int64_t>(reached.size()));
    std::sort(reached.begin(), reached.end());
    const auto [at, is_new] = known_.try_emplace(std::move(reached), static_cast<int32_t>(subsets_.size()));
    if (is_new) subsets_.push_back(&at->first);
    return at->second;
  }

  const Nfa& nfa_;
  Budget& budget_;
  std::vector<bool> marked_;
  std::map<std::vector<int32_t>, int32_t> known_;
  std::vector<const std::vector<int32_t>*> subsets_;
};

}  // namespace

CharDfa compile_regex(std::string_view pattern, Budget& budget) {
  const RegexNode tree = parse_regex(pattern, budget);
  Nfa nfa;
  Builder builder(nfa, budget);
  const int32_t start = builder.add();
  const int32_t end = builder.build(tree, start);
  return Subsets(nfa, budget).run(start, end);
}

}  // namespace hone::generate
