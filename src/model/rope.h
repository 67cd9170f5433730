// Rotary position tables, scaled as config.json says.
#pragma once
#include <cstdint>
#include <span>

#include "model/config.h"
#include "tensor/tensor.h"

namespace hone::model {

/// What tensor::rope takes for a batch: row positions[i] of cos and sin turns token i.
struct RopeRows {
  Tensor positions;  ///< [N] int64
  Tensor cos, sin;   ///< fp32 [P, head_dim/2]
};

/// cos and sin of position × inverse frequency, grown on demand. Equal to transformers' in fp32: the
/// frequencies are made in the same order of operations.
class RopeTable {
 public:
  explicit RopeTable(const DecoderConfig& config);

  /// For packed sequences; `lengths[i]` counts all positions of sequence i, its past included. With `dynamic`
  /// scaling a sequence longer than max_position_embeddings gets the frequencies of its own length, so what
  /// lies beside it never matters. (transformers takes the longest row of a padded batch for all of them, and
  /// the longest so far until a short batch comes; for one sequence in a fresh model both are the same.)
  RopeRows rows(const Tensor& positions, std::span<const int64_t> cu_seqlens, std::span<const int64_t> lengths);

 private:
  /// Inverse frequencies [head_dim/2] of a sequence of `length` positions, which matters to `dynamic` alone.
  Tensor frequencies(int64_t length) const;
  /// Makes the table reach at least `length` positions.
  void reach(int64_t length, const c10::Device& device);

  DecoderConfig config_;
  int64_t built_for_ = 0;
  Tensor cos_, sin_;
};

}  // namespace hone::model
