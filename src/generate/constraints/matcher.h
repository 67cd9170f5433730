// Reads bytes by a JsonGrammar: where in the grammar a text may be (several places while alternatives begin
// alike), and what comes after one more byte. From every place some way leads to the end.
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "generate/constraints/grammar.h"

namespace hone::generate {

/// One place: inside a leaf, with what is to be done behind it on a stack. The end of the text is a place too.
struct Place {
  static constexpr int32_t kEnd = -1;  ///< as node: the text is complete

  int32_t node = kEnd;
  int32_t state = 0;   ///< of the leaf's automaton
  uint32_t chars = 0;  ///< counted so far, where the leaf counts
  int32_t stack = 0;

  bool operator==(const Place&) const = default;
};
using Places = std::vector<Place>;

class Matcher {
 public:
  /// More places than this are not followed: the first ones win. Only schemas whose alternatives are long alike
  /// at many levels come near.
  static constexpr size_t kMostPlaces = 512;

  explicit Matcher(std::shared_ptr<const JsonGrammar> grammar);

  const JsonGrammar& grammar() const { return *grammar_; }
  /// Where a text begins.
  Places begin();
  /// Where `from` leads with one more byte; empty when the byte cannot come.
  Places step(const Places& from, uint8_t byte);
  /// Where a text may be when the leaf of `place` ends here.
  Places behind(const Place& place);
  /// Adds a place that is not there yet, unless there are too many.
  static void add(const Place& place, Places& out);
  static bool at_end(const Places& places);
  /// Whether `text` as a whole is what the grammar means.
  bool matches(std::string_view text);

  const ByteAutomaton& automaton(const Place& place) const {
    return *grammar_->leaves[static_cast<size_t>((*grammar_)[place.node].target)];
  }
  /// The state after `byte`, with `chars` brought up to date; kDead when it cannot come.
  static int32_t step_leaf(const ByteAutomaton& automaton, int32_t state, uint8_t byte, const GrammarNode& bounds,
                           uint32_t& chars) {
    const int32_t next = automaton.step(state, byte);
    if (state != automaton.between || next < 0) return next;
    if (byte == '"') return chars < bounds.min_chars ? ByteAutomaton::kDead : next;
    return chars++ >= bounds.max_chars ? ByteAutomaton::kDead : next;
  }

 private:
  struct Frame {
    int32_t node, parent, depth;
  };
  int32_t push(int32_t node, int32_t stack);
  /// Adds the places that node `node` begins with.
  void enter(int32_t node, int32_t stack, Places& out);

  std::shared_ptr<const JsonGrammar> grammar_;
  std::vector<Frame> frames_;  // 0 is the bottom; a frame lies above its parent, and is there once
  std::unordered_map<uint64_t, int32_t> known_;
  // Work of enter(): what is to be opened, and by node the call that opened it last, with what stack.
  std::vector<std::pair<int32_t, int32_t>> open_;
  std::vector<std::pair<uint32_t, int32_t>> opened_;
  uint32_t calls_ = 0;
};

}  // namespace hone::generate
