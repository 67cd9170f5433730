// One block of a decoder or encoder as one differentiable unit: hand-written forward and backward.
#pragma once
#include <functional>
#include <memory>
#include <span>

#include "model/config.h"
#include "model/linear.h"
#include "model/norm.h"
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
  Tensor positions, cos, sin;  ///< see RopeRows; undefined where positions are learned
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

  /// head_dim^-1/2, if the configuration does not say otherwise.
  double attention_scale() const;
  /// Every tensor here that requires a gradient.
  std::vector<Tensor> trainable() const;
  /// The Linears that a block of this configuration has, in the order of the model.
  static std::vector<Linear Block::*> linears(const DecoderConfig& config);

  /// Weights in the compute type, or fp32 leaves when trained.
  Norm attention_norm, mlp_norm;
  /// `qkv` in place of the first three where one matrix makes them all; `gate` in a gated MLP alone.
  Linear q, k, v, qkv, o, gate, up, down;

 private:
  struct Saved;
  struct Heads {
    Tensor q, k, v;  ///< [N, H, head_dim] and twice [N, K, head_dim]
  };
  /// Queries, keys and values, rotated, to what each head has attended to: the one part in which training
  /// and generation differ.
  using Attend = std::function<Tensor(const Heads& heads, tensor::AttentionSaved* kept)>;
  Heads make_heads(const Tensor& in, const BlockInput& input, Saved* saved) const;
  Tensor attention_part(const Tensor& in, const BlockInput& input, const Attend& attend, Saved* saved) const;
  Tensor mlp_part(const Tensor& in, const BlockInput& input, Saved* saved) const;
  Tensor run_forward(const Tensor& x, const BlockInput& input, const Attend& attend, Saved* saved) const;
  /// run_forward over packed sequences without a past.
  Tensor run_packed(const Tensor& x, const BlockInput& input, Saved* saved) const;

  /// The backward of the two parts above: the gradient of `in`, undefined unless wanted.
  Tensor attention_backward(const Tensor& dy, const Tensor& in, Saved& saved, const BlockInput& input, GradSink& sink,
                            bool want_input) const;
  Tensor mlp_backward(const Tensor& dy, const Tensor& in, Saved& saved, const BlockInput& input, GradSink& sink) const;
  /// Returns the gradient of x (undefined unless `want_input`).
  Tensor run_backward(const Tensor& dy, Saved& saved, const BlockInput& input, GradSink& sink, bool want_input) const;
  const DecoderConfig& config_;
  int64_t layer_;
};

}  // namespace hone::model
