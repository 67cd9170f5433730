// Rotary position tables, scaled as config.json says.
#pragma once
#include <utility>

#include "model/config.h"
#include "tensor/tensor.h"

namespace hone::model {

/// cos and sin of position × inverse frequency, fp32 [positions, head_dim/2], grown on demand.
/// Equal to transformers' in fp32: the frequencies are made in the same order of operations.
class RopeTable {
 public:
  explicit RopeTable(const DecoderConfig& config);

  /// Tables that reach at least `length` positions. With `dynamic` scaling the frequencies depend on
  /// `length` itself once it passes max_position_embeddings.
  std::pair<Tensor, Tensor> at_least(int64_t length, const c10::Device& device);

 private:
  DecoderConfig config_;
  int64_t built_for_ = 0;
  Tensor cos_, sin_;
};

}  // namespace hone::model
