// A grammar over bytes: leaves (finite automata) put in order, alternatives, and calls of other parts of the
// grammar, which is what lets values nest. Built by the compilers of json.h, read by the matcher.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "generate/constraints/leaves.h"

namespace hone::generate {

struct GrammarNode {
  enum class Kind : uint8_t {
    kLeaf,   ///< what leaves[target] accepts, then next
    kSplit,  ///< any of choices[target .. target + count)
    kCall,   ///< all of node `target` up to its kReturn, then next
    kReturn,
  };
  static constexpr uint32_t kNoBound = 0xFFFFFFFF;

  Kind kind = Kind::kReturn;
  int32_t target = -1, next = -1;
  uint32_t count = 0;
  uint32_t min_chars = 0, max_chars = kNoBound;  ///< of a leaf that counts characters
};

class JsonGrammar {
 public:
  /// Calls within calls: objects and arrays nest no deeper.
  static constexpr int32_t kDeepest = 64;
  static constexpr size_t kMostNodes = 100'000;

  std::vector<GrammarNode> nodes;
  std::vector<int32_t> choices;
  std::vector<Leaf> leaves;
  std::vector<int32_t> heights;  ///< by node: the calls within calls that what follows needs at least
  int32_t root = -1;
  std::vector<std::string> notes;  ///< what the grammar takes otherwise than the schema says it, for logs

  const GrammarNode& operator[](int32_t node) const { return nodes[static_cast<size_t>(node)]; }
  /// A call right before a return: nothing has to be remembered.
  bool is_tail(const GrammarNode& node) const {
    return nodes[static_cast<size_t>(node.next)].kind == GrammarNode::Kind::kReturn;
  }
};

/// Adds nodes from the back to the front: every function takes what follows and returns where to begin. -1 stands
/// for what no text satisfies, and a null leaf for no text: what contains them is -1 too, a split leaves them out.
class GrammarBuilder {
 public:
  GrammarBuilder(JsonGrammar& grammar, Budget& budget) : grammar_(grammar), budget_(budget) {}

  int32_t done() { return add({}); }
  int32_t leaf(Leaf leaf, int32_t next, uint32_t min_chars = 0, uint32_t max_chars = GrammarNode::kNoBound);
  int32_t literal(const std::string& bytes, int32_t next) { return leaf(literal_leaf({bytes}, budget_), next); }
  int32_t blank(int32_t next) { return leaf(blank_leaf(), next); }
  int32_t split(std::vector<int32_t> among);
  int32_t call(int32_t target, int32_t next);
  /// A node to be named before it is known.
  int32_t placeholder();
  void fill(int32_t placeholder, int32_t node);
  /// Works out the heights. A root that no finite text satisfies, or parts that contain themselves with nothing
  /// before them, throw Error.
  void finish(int32_t root);

 private:
  int32_t add(const GrammarNode& node);
  bool work_out_heights();
  void refuse_loops() const;

  JsonGrammar& grammar_;
  Budget& budget_;
};

}  // namespace hone::generate
