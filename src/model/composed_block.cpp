#include "model/composed_block.h"

#include <ATen/TensorOperators.h>

#include "model/composed_ops.h"
#include "model/recompute.h"

namespace hone::model {
namespace {

Tensor attention_part(const Block& block, const DecoderConfig& config, const Tensor& x, const BlockInput& input) {
  const int64_t n = x.size(0), heads = config.num_attention_heads, kv_heads = config.num_key_value_heads,
                dim = config.head_dim;
  const auto by_head = [&](const Linear& linear, const Tensor& in, int64_t count) {
    return linear.forward_composed(in, input.context).view({n, count, dim});
  };
  const auto turned = [&](const Tensor& heads_of) {
    return composed::rope(heads_of, input.positions, input.cos, input.sin);
  };
  const Tensor normed = composed::rms_norm(x, block.attention_norm, config.rms_norm_eps);
  const Tensor attended =
      composed::attention(turned(by_head(block.q, normed, heads)), turned(by_head(block.k, normed, kv_heads)),
                          by_head(block.v, normed, kv_heads), input.cu_seqlens, block.attention_scale());
  return block.o.forward_composed(attended.view({n, heads * dim}), input.context);
}

Tensor mlp_part(const Block& block, const DecoderConfig& config, const Tensor& x, const StepContext& context) {
  const Tensor normed = composed::rms_norm(x, block.mlp_norm, config.rms_norm_eps);
  const Tensor hidden =
      composed::silu_mul(block.gate.forward_composed(normed, context), block.up.forward_composed(normed, context));
  return block.down.forward_composed(hidden, context);
}

Tensor run(const Block& block, const DecoderConfig& config, const Tensor& x, const BlockInput& input) {
  const Tensor middle = x + attention_part(block, config, x, input);
  return middle + mlp_part(block, config, middle, input.context);
}

}  // namespace

Tensor composed_forward(const Block& block, const DecoderConfig& config, const Tensor& x,
                        const std::shared_ptr<const BlockInput>& input) {
  if (!input->context.recompute) return run(block, config, x, *input);
  return recomputed(x, block.trainable(),
                    [&block, &config, input](const Tensor& in) { return run(block, config, in, *input); });
}

}  // namespace hone::model
