#include "metrics/lcs.h"

#include <algorithm>
#include <bit>

namespace hone::metrics {

void LongestCommonSubsequence::build_masks(std::span<const uint32_t> reference) {
  words_ = (reference.size() + 63) / 64;
  for (const uint32_t token : seen_) row_of_[token] = 0;
  seen_.clear();
  masks_.clear();
  for (size_t i = 0; i < reference.size(); ++i) {
    const uint32_t token = reference[i];
    if (token >= row_of_.size()) row_of_.resize(size_t{token} + token / 2 + 64, 0);
    if (row_of_[token] == 0) {
      seen_.push_back(token);
      row_of_[token] = static_cast<uint32_t>(seen_.size());
      masks_.resize(masks_.size() + words_, 0);
    }
    masks_[(row_of_[token] - 1) * words_ + i / 64] |= uint64_t{1} << (i % 64);
  }
}

const uint64_t* LongestCommonSubsequence::mask_of(uint32_t token) const {
  if (token >= row_of_.size() || row_of_[token] == 0) return nullptr;
  return masks_.data() + (row_of_[token] - 1) * words_;
}

void LongestCommonSubsequence::step(const uint64_t* mask, const uint64_t* from, uint64_t* to) const {
  uint64_t carry = 0;
  for (size_t w = 0; w < words_; ++w) {
    const uint64_t v = from[w], matched = v & mask[w];
    const uint64_t partial = v + matched, sum = partial + carry;
    carry = (partial < v) | (sum < partial);
    to[w] = sum | (v & ~mask[w]);
  }
}

size_t LongestCommonSubsequence::length(std::span<const uint32_t> reference, std::span<const uint32_t> prediction) {
  build_masks(reference);
  state_.assign(words_, ~uint64_t{0});
  for (const uint32_t token : prediction) {
    if (const uint64_t* mask = mask_of(token)) step(mask, state_.data(), state_.data());
  }
  // Zero bits count; those above the last position never turn zero because no mask has them set.
  size_t length = 0;
  for (const uint64_t word : state_) length += static_cast<size_t>(std::popcount(~word));
  return length;
}

void LongestCommonSubsequence::mark(std::span<const uint32_t> reference, std::span<const uint32_t> prediction,
                                    std::vector<uint8_t>& used) {
  build_masks(reference);
  state_.assign(words_ * (prediction.size() + 1), ~uint64_t{0});
  for (size_t j = 0; j < prediction.size(); ++j) {
    const uint64_t* from = state_.data() + j * words_;
    uint64_t* to = state_.data() + (j + 1) * words_;
    if (const uint64_t* mask = mask_of(prediction[j])) {
      step(mask, from, to);
    } else {
      std::copy(from, from + words_, to);
    }
  }
  size_t i = reference.size(), j = prediction.size();
  while (i > 0 && j > 0) {
    if (reference[i - 1] == prediction[j - 1]) {
      used[i - 1] = 1;
      --i;
      --j;
      continue;
    }
    // A zero bit says that the table grows from (i-1, j) to (i, j); without a match there, the larger
    // value can only have come from (i, j-1).
    const bool grows = (state_[j * words_ + (i - 1) / 64] >> ((i - 1) % 64) & 1) == 0;
    --(grows ? j : i);
  }
}

}  // namespace hone::metrics
