// A set of strings with an id each, walked byte by byte: what WordPiece and Unigram look for at a place
// of the text. A double array (Aoe 1989, IEEE TSE 15(9)), its children found by XOR: two loads a step.
#pragma once
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace hone::text {

class PieceTrie {
 public:
  static constexpr uint32_t kRoot = 0;

  /// Of equal strings the last wins; the empty string is left out. Ids are not negative.
  explicit PieceTrie(const std::vector<std::pair<std::string_view, int32_t>>& entries);

  /// Goes from `node` on over `byte`; false, and `node` as it was, when no string does.
  bool step(uint32_t& node, char byte) const {
    const uint32_t next = units_[node].base ^ static_cast<unsigned char>(byte);
    if (units_[next].parent != node) return false;
    node = next;
    return true;
  }
  /// The id of the string that ends at `node`, or -1.
  int32_t id(uint32_t node) const { return units_[node].id; }

 private:
  static constexpr uint32_t kFree = 0xFFFFFFFF, kNoParent = 0xFFFFFFFE;
  static constexpr uint32_t kBlock = 256;  // base and base ^ byte lie in one block

  struct Unit {
    uint32_t base = 0, parent = kFree;
    int32_t id = -1;
  };
  class Builder;
  std::vector<Unit> units_;
};

}  // namespace hone::text
