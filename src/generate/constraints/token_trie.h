// The vocabulary of a tokenizer as a tree of bytes, and which of its tokens fit into a leaf of a grammar.
// Made once for a tokenizer and shared by all answers; thread-safe.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "generate/constraints/byte_automaton.h"

namespace hone::text {
class Tokenizer;
}

namespace hone::generate {

class TokenTrie {
 public:
  /// In depth-first order: the nodes below node i are those from i + 1 to nodes[i].past.
  struct Node {
    uint32_t past = 0;
    uint32_t first = 0;  ///< the tokens that end here are ids()[first .. first of the next node)
    uint16_t depth = 0;  ///< bytes of the way here, 1 for a first byte
    uint8_t byte = 0;
  };
  /// What of a leaf is counted: characters that must, and that may still come.
  struct Bounds {
    uint32_t least = 0, most = 0xFFFFFFFF;
    bool operator==(const Bounds&) const = default;
  };
  /// The tokens that fit into a leaf from some state on.
  struct Fit {
    std::vector<uint64_t> bits;  ///< by id: the whole token does
    std::vector<uint32_t> ends;  ///< nodes with others below them on which the leaf may end
  };

  /// Special and other added tokens are left out. A tokenizer that cannot write every byte of UTF-8 text as a token
  /// of its own throws Error: an answer could get stuck.
  explicit TokenTrie(const text::Tokenizer& tokenizer);

  std::span<const Node> nodes() const { return {nodes_.data(), nodes_.size() - 1}; }
  std::span<const int32_t> ids_at(uint32_t node) const {
    return {ids_.data() + nodes_[node].first, ids_.data() + nodes_[node + 1].first};
  }
  /// What a token adds to the text; "" for one that is never chosen.
  std::string_view bytes(int32_t id) const;
  size_t words() const { return words_; }  ///< of a bit set over all ids

  /// Adds what fits to `bits` and `ends`.
  void fit(const ByteAutomaton& leaf, int32_t state, Bounds bounds, std::span<uint64_t> bits,
           std::vector<uint32_t>& ends) const;
  /// The same, remembered: for leaves into which many tokens fit. Where characters are counted, all tokens are tried
  /// once and then chosen by their number of characters.
  std::shared_ptr<const Fit> fit(const ByteAutomaton& leaf, int32_t state, Bounds bounds) const;

 private:
  /// A token, or a node on which the leaf may end, that fits into a leaf without bounds.
  struct Counted {
    uint32_t what = 0;
    uint16_t chars = 0;
    bool ends = false;  ///< with it the leaf ends
  };
  struct Counts {
    std::vector<Counted> tokens, nodes;
  };
  struct Key {
    uint64_t leaf;
    int32_t state;
    Bounds bounds;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const;
  };
  /// Calls `visit(node, state, characters)` for every node that fits.
  template <typename Visit>
  void walk(const ByteAutomaton& leaf, int32_t state, Bounds bounds, Visit visit) const;
  std::shared_ptr<const Counts> counts(const ByteAutomaton& leaf, int32_t state) const;
  /// What `known` remembers under a key, made where it is not there yet.
  template <typename Value, typename Make>
  std::shared_ptr<const Value> remember(std::unordered_map<Key, std::shared_ptr<const Value>, KeyHash>& known,
                                        const Key& key, Make make) const;

  static constexpr size_t kMostRemembered = size_t{64} << 20;  // bytes

  std::vector<Node> nodes_;  // and one behind the last
  std::vector<int32_t> ids_;
  std::string text_;                                    // of all tokens
  std::vector<std::pair<uint32_t, uint32_t>> text_of_;  // by id: begin and size
  size_t words_ = 0;
  uint32_t longest_ = 0;
  mutable std::mutex mutex_;
  mutable std::unordered_map<Key, std::shared_ptr<const Fit>, KeyHash> fits_;
  mutable std::unordered_map<Key, std::shared_ptr<const Counts>, KeyHash> counts_;
  mutable size_t remembered_bytes_ = 0;
};

}  // namespace hone::generate
