// Longest common subsequences, 64 positions at a time: the bit-parallel recurrence of Crochemore,
// Iliopoulos, Pinzon and Reid (2001), "A fast and practical bit-vector algorithm for the longest
// common subsequence problem", in Hyyro's form V' = (V + (V & M)) | (V & ~M).
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace hone::metrics {

class LongestCommonSubsequence {
 public:
  /// Tokens are numbers; memory grows with the largest one seen (4 bytes each).
  size_t length(std::span<const uint32_t> reference, std::span<const uint32_t> prediction);

  /// Sets used[i] for the positions of `reference` that lie on the one subsequence which rouge-score
  /// reads out of its table: from the end, a match is taken; else left if the table is larger there; else up.
  void mark(std::span<const uint32_t> reference, std::span<const uint32_t> prediction, std::vector<uint8_t>& used);

 private:
  /// Bit i of masks_[row_of(token)] is set where reference[i] is the token.
  void build_masks(std::span<const uint32_t> reference);
  const uint64_t* mask_of(uint32_t token) const;
  void step(const uint64_t* mask, const uint64_t* from, uint64_t* to) const;

  size_t words_ = 0;
  std::vector<uint32_t> row_of_, seen_;  // by token: row + 1 or 0; tokens to reset
  std::vector<uint64_t> masks_, state_;
};

}  // namespace hone::metrics
