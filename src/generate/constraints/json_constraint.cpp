#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "generate/constraints/json.h"
#include "generate/constraints/matcher.h"

namespace hone::generate {
namespace {

class JsonConstraint : public Constraint {
 public:
  JsonConstraint(std::shared_ptr<const JsonGrammar> grammar, std::shared_ptr<const TokenTrie> trie,
                 std::vector<int32_t> stop_ids)
      : matcher_(std::move(grammar)), trie_(std::move(trie)), stop_ids_(std::move(stop_ids)), bits_(trie_->words()) {
    places_ = matcher_.begin();
    for (const int32_t id : stop_ids_) {
      if (id >= 0) bits_.resize(std::max(bits_.size(), static_cast<size_t>(id) / 64 + 1));
    }
  }

  void mask(std::span<float> logits) override {
    std::fill(bits_.begin(), bits_.end(), 0);
    for (const Place& place : places_) add_tokens(place);
    for (const int32_t id : stop_ids_) set(id, may_end());
    constexpr float kNever = -std::numeric_limits<float>::infinity();
    for (size_t begin = 0; begin < logits.size(); begin += 64) {
      const uint64_t word = begin / 64 < bits_.size() ? bits_[begin / 64] : 0;
      if (word == ~uint64_t{0}) continue;
      const size_t end = std::min(begin + 64, logits.size());
      for (size_t id = begin; id < end; ++id) {
        if ((word >> (id - begin) & 1U) == 0) logits[id] = kNever;
      }
    }
  }

  void accept(int32_t token) override {
    if (std::find(stop_ids_.begin(), stop_ids_.end(), token) != stop_ids_.end()) {
      places_ = {Place{}};
      return;
    }
    const std::string_view bytes = trie_->bytes(token);
    Places next;
    for (const Place& place : places_) {
      if (place.node != Place::kEnd && !bytes.empty()) follow_token(place, bytes, next);
    }
    places_ = std::move(next);
  }

  bool may_end() const override { return Matcher::at_end(places_); }
  bool finished() const override {
    return std::all_of(places_.begin(), places_.end(), [](const Place& p) { return p.node == Place::kEnd; });
  }

 private:
  void set(int32_t id, bool on) {
    const auto at = static_cast<size_t>(id);
    if (id < 0 || at / 64 >= bits_.size()) return;
    const uint64_t bit = uint64_t{1} << (at % 64);
    bits_[at / 64] = on ? bits_[at / 64] | bit : bits_[at / 64] & ~bit;
  }

  /// Adds the tokens that may come at one place. Those that stay in its leaf are remembered (TokenTrie::fit); those
  /// that go on behind it are followed through the grammar.
  void add_tokens(const Place& place) {
    if (place.node == Place::kEnd) return;
    const ByteAutomaton& leaf = matcher_.automaton(place);
    const GrammarNode& node = matcher_.grammar()[place.node];
    TokenTrie::Bounds bounds;
    if (leaf.between >= 0) {
      bounds.least = node.min_chars > place.chars ? node.min_chars - place.chars : 0;
      if (node.max_chars != GrammarNode::kNoBound) bounds.most = node.max_chars - place.chars;
    }
    if (leaf.wide) {
      const auto known = trie_->fit(leaf, place.state, bounds);
      for (size_t i = 0; i < known->bits.size(); ++i) bits_[i] |= known->bits[i];
      follow(place, known->ends);
    } else {
      ends_.clear();
      trie_->fit(leaf, place.state, bounds, bits_, ends_);
      follow(place, ends_);
    }
  }

  void follow(const Place& place, const std::vector<uint32_t>& ends) {
    if (ends.empty()) return;
    const std::span<const TokenTrie::Node> nodes = trie_->nodes();
    const Places behind = matcher_.behind(place);
    for (const uint32_t end : ends) {
      const size_t base = nodes[end].depth;
      if (way_.empty()) way_.emplace_back();
      way_[0] = behind;
      for (uint32_t i = end + 1; i < nodes[end].past;) {
        const size_t depth = nodes[i].depth - base;
        Places next = matcher_.step(way_[depth - 1], nodes[i].byte);
        if (next.empty()) {
          i = nodes[i].past;
          continue;
        }
        if (way_.size() <= depth) way_.emplace_back();
        way_[depth] = std::move(next);
        for (const int32_t id : trie_->ids_at(i)) set(id, true);
        ++i;
      }
    }
  }

  /// Each place is followed for itself and from each end of its leaf, just as mask() did: where there are too many
  /// places to keep them all, a token that was allowed must not lose the place that allowed it.
  void follow_token(Place place, std::string_view bytes, Places& out) {
    const ByteAutomaton& leaf = matcher_.automaton(place);
    const GrammarNode& node = matcher_.grammar()[place.node];
    for (size_t i = 0; i < bytes.size(); ++i) {
      place.state = Matcher::step_leaf(leaf, place.state, static_cast<uint8_t>(bytes[i]), node, place.chars);
      if (place.state < 0) return;
      if (!leaf.accepts(place.state)) continue;
      Places now = matcher_.behind(place);
      for (size_t rest = i + 1; rest < bytes.size(); ++rest)
        now = matcher_.step(now, static_cast<uint8_t>(bytes[rest]));
      for (const Place& reached : now) Matcher::add(reached, out);
    }
    if (leaf.goes_on(place.state)) Matcher::add(place, out);
  }

  Matcher matcher_;
  std::shared_ptr<const TokenTrie> trie_;
  std::vector<int32_t> stop_ids_;
  Places places_;
  std::vector<uint64_t> bits_;
  std::vector<uint32_t> ends_;
  std::vector<Places> way_;
};

}  // namespace

std::unique_ptr<Constraint> make_constraint(std::shared_ptr<const JsonGrammar> grammar,
                                            std::shared_ptr<const TokenTrie> trie, std::vector<int32_t> stop_ids) {
  return std::make_unique<JsonConstraint>(std::move(grammar), std::move(trie), std::move(stop_ids));
}

}  // namespace hone::generate
