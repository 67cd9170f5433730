// Finite automata over bytes: the leaves of a grammar (strings, numbers, literals, blanks). ByteGraph is
// how they are written down, with any number of ways for a byte; ByteAutomaton is what runs, one way at most.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "generate/constraints/budget.h"

namespace hone::generate {

struct ByteAutomaton {
  static constexpr int32_t kDead = -1;
  static constexpr uint8_t kAccepts = 1, kGoesOn = 2;

  std::array<uint8_t, 256> class_of{};
  uint32_t classes = 0;
  std::vector<int32_t> next;   ///< [states, classes]; from every state that stands here accepting can be reached
  std::vector<uint8_t> flags;  ///< by state: kAccepts, kGoesOn (some byte may follow)
  /// Many tokens fit (strings): what fits is worth remembering by state.
  bool wide = false;
  /// The state between two characters where they are counted against the leaf's bounds; -1: nothing is counted.
  int32_t between = -1;
  uint64_t id = 0;  ///< unlike that of any other automaton of the process

  int32_t step(int32_t state, uint8_t byte) const {
    return next[static_cast<size_t>(state) * classes + class_of[byte]];
  }
  bool accepts(int32_t state) const { return (flags[static_cast<size_t>(state)] & kAccepts) != 0; }
  bool goes_on(int32_t state) const { return (flags[static_cast<size_t>(state)] & kGoesOn) != 0; }
};

class ByteGraph {
 public:
  static constexpr int32_t kStart = 0;

  int32_t add_state() {
    states_.emplace_back();
    return static_cast<int32_t>(states_.size()) - 1;
  }
  void edge(int32_t from, uint8_t low, uint8_t high, int32_t to) {
    states_[static_cast<size_t>(from)].edges.push_back({low, high, to});
  }
  void edge(int32_t from, char byte, int32_t to) {
    edge(from, static_cast<uint8_t>(byte), static_cast<uint8_t>(byte), to);
  }
  /// A new state that `bytes` lead to.
  int32_t literal(int32_t from, std::string_view bytes);
  void accept(int32_t state) { states_[static_cast<size_t>(state)].accepting = true; }
  size_t size() const { return states_.size(); }

  /// Null when it accepts nothing at all. Too many states throw Error (see Budget).
  std::shared_ptr<ByteAutomaton> determinize(Budget& budget) const;

 private:
  struct Edge {
    uint8_t low, high;
    int32_t to;
  };
  struct State {
    std::vector<Edge> edges;
    bool accepting = false;
  };
  std::vector<State> states_ = std::vector<State>(1);
};

}  // namespace hone::generate
