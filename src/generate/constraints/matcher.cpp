#include "generate/constraints/matcher.h"

#include <algorithm>

namespace hone::generate {

using Kind = GrammarNode::Kind;

Matcher::Matcher(std::shared_ptr<const JsonGrammar> grammar) : grammar_(std::move(grammar)) {
  frames_.push_back({-1, -1, 0});
  opened_.resize(grammar_->nodes.size());
}

int32_t Matcher::push(int32_t node, int32_t stack) {
  const uint64_t key = static_cast<uint64_t>(node) << 32 | static_cast<uint32_t>(stack);
  const auto [at, is_new] = known_.try_emplace(key, static_cast<int32_t>(frames_.size()));
  if (is_new) frames_.push_back({node, stack, frames_[static_cast<size_t>(stack)].depth + 1});
  return at->second;
}

void Matcher::add(const Place& place, Places& out) {
  if (out.size() < kMostPlaces && std::find(out.begin(), out.end(), place) == out.end()) out.push_back(place);
}

void Matcher::enter(int32_t node, int32_t stack, Places& out) {
  const JsonGrammar& g = *grammar_;
  const size_t begun = open_.size();
  open_.emplace_back(node, stack);
  ++calls_;
  while (open_.size() > begun) {
    const auto [at, below] = open_.back();
    open_.pop_back();
    const GrammarNode& n = g[at];
    // Where too little depth is left to finish, the way is closed; another one is open, see heights.
    if (frames_[static_cast<size_t>(below)].depth + g.heights[static_cast<size_t>(at)] > JsonGrammar::kDeepest)
      continue;
    switch (n.kind) {
      case Kind::kLeaf:
        add({.node = at, .state = 0, .chars = 0, .stack = below}, out);
        if (g.leaves[static_cast<size_t>(n.target)]->accepts(0)) open_.emplace_back(n.next, below);
        break;
      case Kind::kSplit:
        // Alternatives of alternatives may meet in one part: it is opened once.
        if (opened_[static_cast<size_t>(at)] == std::pair(calls_, below)) break;
        opened_[static_cast<size_t>(at)] = {calls_, below};
        for (uint32_t c = n.count; c-- > 0;) open_.emplace_back(g.choices[static_cast<size_t>(n.target) + c], below);
        break;
      case Kind::kCall: open_.emplace_back(n.target, g.is_tail(n) ? below : push(n.next, below)); break;
      case Kind::kReturn: {
        const Frame& frame = frames_[static_cast<size_t>(below)];
        if (below == 0) {
          add({}, out);
        } else {
          open_.emplace_back(frame.node, frame.parent);
        }
        break;
      }
    }
  }
}

Places Matcher::begin() {
  Places out;
  enter(grammar_->root, 0, out);
  return out;
}

Places Matcher::step(const Places& from, uint8_t byte) {
  Places out;
  for (Place place : from) {
    if (place.node == Place::kEnd) continue;
    const ByteAutomaton& leaf = automaton(place);
    const GrammarNode& node = (*grammar_)[place.node];
    place.state = step_leaf(leaf, place.state, byte, node, place.chars);
    if (place.state < 0) continue;
    if (leaf.goes_on(place.state)) add(place, out);
    if (leaf.accepts(place.state)) enter(node.next, place.stack, out);
  }
  return out;
}

Places Matcher::behind(const Place& place) {
  Places out;
  enter((*grammar_)[place.node].next, place.stack, out);
  return out;
}

bool Matcher::at_end(const Places& places) {
  return std::any_of(places.begin(), places.end(), [](const Place& p) { return p.node == Place::kEnd; });
}

bool Matcher::matches(std::string_view text) {
  Places places = begin();
  for (const char byte : text) places = step(places, static_cast<uint8_t>(byte));
  return at_end(places);
}

}  // namespace hone::generate
