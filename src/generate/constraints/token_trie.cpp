#include "generate/constraints/token_trie.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/strings.h"
#include "generate/constraints/matcher.h"
#include "text/tokenizer.h"

namespace hone::generate {
namespace {

constexpr size_t kLongestToken = 1024;  // bytes; longer ones are never chosen

/// Every byte that valid UTF-8 text without control characters may hold.
bool is_needed(int byte) {
  return (byte >= 0x20 && byte < 0xC0) || (byte >= 0xC2 && byte <= 0xF4);
}

void add_bit(std::span<uint64_t> bits, size_t at) {
  bits[at / 64] |= uint64_t{1} << (at % 64);
}

}  // namespace

TokenTrie::TokenTrie(const text::Tokenizer& tokenizer) : text_of_(static_cast<size_t>(tokenizer.id_limit())) {
  words_ = (text_of_.size() + 63) / 64;
  std::vector<std::pair<std::string, int32_t>> tokens;
  for (int32_t id = 0; id < tokenizer.id_limit(); ++id) {
    std::string bytes = tokenizer.bytes_of(id);
    if (!bytes.empty() && bytes.size() <= kLongestToken) tokens.emplace_back(std::move(bytes), id);
  }
  std::sort(tokens.begin(), tokens.end());

  std::vector<uint32_t> path;  // of the token before
  std::string_view before;
  const auto close = [&](size_t depth) {
    while (path.size() > depth) {
      nodes_[path.back()].past = static_cast<uint32_t>(nodes_.size());
      path.pop_back();
    }
  };
  for (const auto& [bytes, id] : tokens) {
    size_t common = 0;
    while (common < before.size() && common < bytes.size() && before[common] == bytes[common]) ++common;
    close(common);
    for (size_t depth = common; depth < bytes.size(); ++depth) {
      path.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({.past = 0,
                        .first = static_cast<uint32_t>(ids_.size()),
                        .depth = static_cast<uint16_t>(depth + 1),
                        .byte = static_cast<uint8_t>(bytes[depth])});
    }
    ids_.push_back(id);
    text_of_[static_cast<size_t>(id)] = {static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(bytes.size())};
    text_ += bytes;
    longest_ = std::max(longest_, static_cast<uint32_t>(bytes.size()));
    before = bytes;
  }
  close(0);
  nodes_.push_back({.past = 0, .first = static_cast<uint32_t>(ids_.size()), .depth = 0, .byte = 0});

  std::vector<bool> single(256);
  for (uint32_t i = 0; i + 1 < nodes_.size(); i = nodes_[i].past) single[nodes_[i].byte] = !ids_at(i).empty();
  for (int byte = 0; byte < 256; ++byte) {
    if (is_needed(byte) && !single[static_cast<size_t>(byte)]) {
      fail_input("tokenizer",
                 format("has no token for the byte 0x%02X alone, so that constrained answers could get stuck", byte),
                 "use a model whose tokenizer knows every byte (byte-level BPE, or SentencePiece with byte fallback)");
    }
  }
}

std::string_view TokenTrie::bytes(int32_t id) const {
  if (id < 0 || static_cast<size_t>(id) >= text_of_.size()) return {};
  const auto& [begin, size] = text_of_[static_cast<size_t>(id)];
  return std::string_view(text_).substr(begin, size);
}

template <typename Visit>
void TokenTrie::walk(const ByteAutomaton& leaf, int32_t state, Bounds bounds, Visit visit) const {
  struct Step {
    int32_t state;
    uint32_t chars;
  };
  const GrammarNode limits{.kind = GrammarNode::Kind::kLeaf, .min_chars = bounds.least, .max_chars = bounds.most};
  std::vector<Step> way(longest_ + 1);
  way[0] = {state, 0};
  const auto count = static_cast<uint32_t>(nodes_.size() - 1);
  for (uint32_t i = 0; i < count;) {
    const Node& node = nodes_[i];
    Step step = way[node.depth - 1U];
    step.state = Matcher::step_leaf(leaf, step.state, node.byte, limits, step.chars);
    if (step.state < 0) {
      i = node.past;
      continue;
    }
    way[node.depth] = step;
    visit(i, step.state, step.chars);
    i = leaf.goes_on(step.state) ? i + 1 : node.past;
  }
}

void TokenTrie::fit(const ByteAutomaton& leaf, int32_t state, Bounds bounds, std::span<uint64_t> bits,
                    std::vector<uint32_t>& ends) const {
  walk(leaf, state, bounds, [&](uint32_t node, int32_t reached, uint32_t) {
    for (const int32_t id : ids_at(node)) add_bit(bits, static_cast<size_t>(id));
    if (leaf.accepts(reached) && nodes_[node].past > node + 1) ends.push_back(node);
  });
}

size_t TokenTrie::KeyHash::operator()(const Key& key) const {
  uint64_t hash = key.leaf * 0x9E3779B97F4A7C15U;
  for (const uint32_t part : {static_cast<uint32_t>(key.state), key.bounds.least, key.bounds.most}) {
    hash = (hash ^ part) * 0x9E3779B97F4A7C15U;
    hash ^= hash >> 32;
  }
  return hash;
}

template <typename Value, typename Make>
std::shared_ptr<const Value> TokenTrie::remember(std::unordered_map<Key, std::shared_ptr<const Value>, KeyHash>& known,
                                                 const Key& key, Make make) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto at = known.find(key); at != known.end()) return at->second;
  }
  auto made = std::make_shared<Value>();
  const size_t bytes = make(*made) + 100;  // outside the lock: two may make the same
  const std::lock_guard lock(mutex_);
  if (remembered_bytes_ + bytes > kMostRemembered) {
    fits_.clear();
    counts_.clear();
    remembered_bytes_ = 0;
  }
  if (known.try_emplace(key, made).second) remembered_bytes_ += bytes;
  return made;
}

std::shared_ptr<const TokenTrie::Counts> TokenTrie::counts(const ByteAutomaton& leaf, int32_t state) const {
  return remember(counts_, {leaf.id, state, {}}, [&](Counts& made) {
    walk(leaf, state, {}, [&](uint32_t node, int32_t reached, uint32_t chars) {
      const Counted counted{.what = node, .chars = static_cast<uint16_t>(chars), .ends = leaf.accepts(reached)};
      for (const int32_t id : ids_at(node)) {
        made.tokens.push_back(counted);
        made.tokens.back().what = static_cast<uint32_t>(id);
      }
      if (counted.ends && nodes_[node].past > node + 1) made.nodes.push_back(counted);
    });
    return (made.tokens.capacity() + made.nodes.capacity()) * sizeof(Counted);
  });
}

std::shared_ptr<const TokenTrie::Fit> TokenTrie::fit(const ByteAutomaton& leaf, int32_t state, Bounds bounds) const {
  // No token is longer than longest_ bytes: bounds further away than that are alike.
  bounds.least = std::min(bounds.least, longest_ + 1);
  if (bounds.most > longest_) bounds.most = Bounds{}.most;
  return remember(fits_, {leaf.id, state, bounds}, [&](Fit& made) {
    made.bits.resize(words_);
    if (bounds == Bounds{}) {
      fit(leaf, state, bounds, made.bits, made.ends);
    } else {
      const auto all = counts(leaf, state);
      const auto fits = [&](const Counted& c) {
        return c.chars <= bounds.most && (!c.ends || c.chars >= bounds.least);
      };
      for (const Counted& token : all->tokens) {
        if (fits(token)) add_bit(made.bits, token.what);
      }
      for (const Counted& node : all->nodes) {
        if (fits(node)) made.ends.push_back(node.what);
      }
    }
    return made.bits.size() * sizeof(uint64_t) + made.ends.capacity() * sizeof(uint32_t);
  });
}

}  // namespace hone::generate
