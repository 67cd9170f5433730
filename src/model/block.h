// One decoder block as one differentiable unit: hand-written forward and backward.
#pragma once
#include <functional>
#include <memory>
#include <span>

#include "model/config.h"
#include "model/linear.h"
#include "tensor/attention.h"

namespace hone::model {

/// Keys and values of one sequence, one pair of tensors a layer: [K, capacity, head_dim].
struct KvCache {
  std::vector<Tensor> keys, values;
  int64_t length = 0;  ///< positions filled, the same in every layer
};

/// Sequences side by side without padding. `cu_seqlens` has one entry more than there are sequences.
struct PackedBatch {
  Tensor ids;        ///< [N] int64
  Tensor positions;  ///< [N] int64, from 0 in each sequence
  std::vector<int64_t> cu_seqlens;
};

/// What all blocks of one forward share.
struct BlockInput {
  Tensor positions, cos, sin;  ///< see RopeRows
  std::vector<int64_t> cu_seqlens;
  StepContext context;
};

class Block {
 public:
  Block(const DecoderConfig& config, int64_t layer);

  /// x [N, D] → [N, D], with gradients for every trainable tensor here (and x) when grad mode is on.
  Tensor forward(const Tensor& x, const std::shared_ptr<const BlockInput>& input) const;

  /// Without gradients: sequence i continues caches[i], which is extended (the decoder advances length).
  Tensor forward_cached(const Tensor& x, const BlockInput& input, std::span<KvCache* const> caches) const;

  /// head_dim^-1/2
  double attention_scale() const;
  /// Every tensor here that requires a gradient.
  std::vector<Tensor> trainable() const;

  /// attention_norm and mlp_norm [D] in the compute type, or fp32 leaves when trained.
  Tensor attention_norm, mlp_norm;
  Linear q, k, v, o, gate, up, down;

 private:
  struct Saved;
  /// Queries, keys and values, rotated, to what each head has attended to: the one part in which training
  /// and generation differ.
  using Attend =
      std::function<Tensor(const Tensor& query, const Tensor& key, const Tensor& value, tensor::AttentionSaved* kept)>;
  Tensor run_forward(const Tensor& x, const BlockInput& input, const Attend& attend, Saved* saved) const;
  /// run_forward over packed sequences without a past.
  Tensor run_packed(const Tensor& x, const BlockInput& input, Saved* saved) const;
  /// Returns the gradient of x (undefined unless `want_input`).
  Tensor run_backward(const Tensor& dy, Saved& saved, const BlockInput& input, GradSink& sink, bool want_input) const;
  const DecoderConfig& config_;
  int64_t layer_;
};

}  // namespace hone::model
