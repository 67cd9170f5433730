#include "generate/constraints/grammar.h"

#include <algorithm>
#include <map>

#include "base/strings.h"

namespace hone::generate {
namespace {

using Kind = GrammarNode::Kind;
constexpr int32_t kEndless = 1 << 20;

}  // namespace

int32_t GrammarBuilder::add(const GrammarNode& node) {
  budget_.spend(4);
  if (grammar_.nodes.size() >= JsonGrammar::kMostNodes) {
    budget_.refuse(format("the schema gives more than %zu states", JsonGrammar::kMostNodes),
                   "make lists, minItems, maxItems and alternatives shorter");
  }
  grammar_.nodes.push_back(node);
  return static_cast<int32_t>(grammar_.nodes.size()) - 1;
}

int32_t GrammarBuilder::leaf(Leaf leaf, int32_t next, uint32_t min_chars, uint32_t max_chars) {
  if (!leaf || next < 0) return -1;
  const auto index = static_cast<int32_t>(grammar_.leaves.size());
  grammar_.leaves.push_back(std::move(leaf));
  return add({.kind = Kind::kLeaf, .target = index, .next = next, .min_chars = min_chars, .max_chars = max_chars});
}

int32_t GrammarBuilder::split(std::vector<int32_t> among) {
  std::erase(among, -1);
  if (among.empty()) return -1;
  if (among.size() == 1) return among[0];
  const auto first = static_cast<int32_t>(grammar_.choices.size());
  grammar_.choices.insert(grammar_.choices.end(), among.begin(), among.end());
  budget_.spend(static_cast<int64_t>(among.size()));
  return add({.kind = Kind::kSplit, .target = first, .next = -1, .count = static_cast<uint32_t>(among.size())});
}

int32_t GrammarBuilder::call(int32_t target, int32_t next) {
  if (target < 0 || next < 0) return -1;
  return add({.kind = Kind::kCall, .target = target, .next = next});
}

int32_t GrammarBuilder::placeholder() {
  const auto first = static_cast<int32_t>(grammar_.choices.size());
  grammar_.choices.push_back(-1);
  return add({.kind = Kind::kSplit, .target = first, .next = -1, .count = 1});
}

void GrammarBuilder::fill(int32_t placeholder, int32_t node) {
  GrammarNode& at = grammar_.nodes[static_cast<size_t>(placeholder)];
  if (node < 0) {
    at.count = 0;  // a choice of nothing
  } else {
    grammar_.choices[static_cast<size_t>(at.target)] = node;
  }
}

void GrammarBuilder::finish(int32_t root) {
  grammar_.root = root;
  while (work_out_heights()) {
  }
  if (root < 0 || grammar_.heights[static_cast<size_t>(root)] > JsonGrammar::kDeepest) {
    budget_.refuse("no finite value satisfies the schema",
                   "a $ref that leads back to itself needs an alternative, such as null or an optional property");
  }
  refuse_loops();
}

/// One round towards the least heights; true when something changed.
bool GrammarBuilder::work_out_heights() {
  JsonGrammar& g = grammar_;
  g.heights.resize(g.nodes.size(), kEndless);
  budget_.spend(static_cast<int64_t>(g.nodes.size() + g.choices.size()));
  const auto height = [&](int32_t node) { return g.heights[static_cast<size_t>(node)]; };
  bool changed = false;
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    const GrammarNode& node = g.nodes[i];
    int32_t least = kEndless;
    switch (node.kind) {
      case Kind::kReturn: least = 0; break;
      case Kind::kLeaf: least = height(node.next); break;
      case Kind::kCall:
        least = g.is_tail(node) ? height(node.target) : std::max(height(node.target) + 1, height(node.next));
        break;
      case Kind::kSplit:
        for (uint32_t c = 0; c < node.count; ++c) {
          least = std::min(least, height(g.choices[static_cast<size_t>(node.target) + c]));
        }
        break;
    }
    least = std::min(least, kEndless);
    changed |= least != g.heights[i];
    g.heights[i] = least;
  }
  return changed;
}

/// A part that reaches itself without a byte in between would never come to one.
void GrammarBuilder::refuse_loops() const {
  const JsonGrammar& g = grammar_;
  enum : uint8_t { kNew, kOpen, kClosed };
  std::vector<uint8_t> state(g.nodes.size(), kNew);
  const auto reached_freely = [&](int32_t at) {
    const GrammarNode& node = g[at];
    std::vector<int32_t> out;
    if (node.kind == Kind::kSplit) {
      const auto first = g.choices.begin() + node.target;
      out.assign(first, first + node.count);
    } else if (node.kind == Kind::kCall) {
      out.push_back(node.target);
    } else if (node.kind == Kind::kLeaf && g.leaves[static_cast<size_t>(node.target)]->accepts(0)) {
      out.push_back(node.next);
    }
    return out;
  };
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    if (state[i] != kNew) continue;
    std::vector<std::pair<int32_t, std::vector<int32_t>>> path;
    path.emplace_back(static_cast<int32_t>(i), reached_freely(static_cast<int32_t>(i)));
    state[i] = kOpen;
    while (!path.empty()) {
      auto& [at, open] = path.back();
      if (open.empty()) {
        state[static_cast<size_t>(at)] = kClosed;
        path.pop_back();
        continue;
      }
      const int32_t to = open.back();
      open.pop_back();
      uint8_t& seen = state[static_cast<size_t>(to)];
      if (seen == kOpen) {
        budget_.refuse("a $ref leads back to itself with nothing in between", "let it stand inside an object or array");
      }
      if (seen == kClosed) continue;
      seen = kOpen;
      path.emplace_back(to, reached_freely(to));
    }
  }
}

}  // namespace hone::generate
