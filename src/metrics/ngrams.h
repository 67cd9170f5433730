// Numbers for tokens and counts of shared n-grams, exact (no hash stands in for a token). An n-gram is
// the pair (number of its first n-1 tokens, last token), so each order costs one look-up a position
// whatever n is.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/tokens.h"

namespace hone::metrics {

/// Gives each distinct token a number, 0, 1, 2 … in order of appearance.
class Vocabulary {
 public:
  uint32_t number(std::string_view token);
  /// Replaces `out` by the numbers of `tokens`.
  void numbers(const Tokens& tokens, std::vector<uint32_t>& out);
  size_t size() const { return hashes_.size(); }

 private:
  std::string_view text(uint32_t number) const;
  void grow();

  std::string arena_;
  std::vector<size_t> ends_;
  std::vector<uint64_t> hashes_;
  std::vector<uint32_t> slots_;  // number + 1, 0 for a free slot; size is a power of two
};

/// How many n-grams a prediction and its references share at one order.
struct NgramMatch {
  int64_t prediction = 0;  ///< n-grams of the prediction
  int64_t matched = 0;     ///< of these, found in the references, each at most as often as there
};

/// Counts order after order. Reused between examples; the memory it needs grows with the longest one.
class NgramCounter {
 public:
  /// Starts on a new example. The sequences must live until the last call of next_order().
  void start(std::span<const uint32_t> prediction, std::span<const std::vector<uint32_t>> references);
  /// The counts for order 1, then 2, … The limit of a match is the largest count in any reference
  /// ("clipping", Papineni et al. 2002, section 2.1).
  NgramMatch next_order();

 private:
  uint32_t number_of(uint32_t prefix, uint32_t last);
  uint32_t find(uint32_t prefix, uint32_t last) const;
  void clear_table(size_t entries);

  struct Slot {
    uint64_t key;
    uint32_t stamp;
    uint32_t number;
  };
  std::vector<Slot> slots_;
  uint32_t stamp_ = 0, used_ = 0;
  size_t mask_ = 0;

  size_t order_ = 0;
  std::span<const uint32_t> prediction_;
  std::span<const std::vector<uint32_t>> references_;
  // For each position, the number of the (order_)-gram that starts there.
  std::vector<uint32_t> prediction_prefix_;
  std::vector<std::vector<uint32_t>> reference_prefix_;
  std::vector<uint32_t> limit_, count_;  // by n-gram number: largest count in a reference, running count
};

}  // namespace hone::metrics
