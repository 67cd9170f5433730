#include "model/composed_block.h"

#include <ATen/TensorOperators.h>

#include "model/composed_ops.h"
#include "model/recompute.h"

namespace hone::model {
namespace {

Tensor attention_part(const Block& block, const DecoderConfig& config, const Tensor& in, const BlockInput& input) {
  const int64_t n = in.size(0), heads = config.num_attention_heads, kv_heads = config.num_key_value_heads,
                dim = config.head_dim;
  Tensor q, k, v;
  if (config.fused_qkv) {
    const Tensor all = block.qkv.forward_composed(in, input.context).view({n, heads + 2 * kv_heads, dim});
    q = all.narrow(1, 0, heads), k = all.narrow(1, heads, kv_heads), v = all.narrow(1, heads + kv_heads, kv_heads);
  } else {
    q = block.q.forward_composed(in, input.context).view({n, heads, dim});
    k = block.k.forward_composed(in, input.context).view({n, kv_heads, dim});
    v = block.v.forward_composed(in, input.context).view({n, kv_heads, dim});
  }
  if (config.positions == PositionKind::kRotary) {
    q = composed::rope(q, input.positions, input.cos, input.sin);
    k = composed::rope(k, input.positions, input.cos, input.sin);
  }
  const Tensor attended =
      composed::attention(q, k, v, input.cu_seqlens, block.attention_scale(), config.attention_mask);
  return block.o.forward_composed(attended.view({n, heads * dim}), input.context);
}

Tensor mlp_part(const Block& block, const DecoderConfig& config, const Tensor& in, const StepContext& context) {
  const Tensor up = block.up.forward_composed(in, context);
  if (!config.gated_mlp) return block.down.forward_composed(tensor::activate(up, config.activation), context);
  const Tensor gate = block.gate.forward_composed(in, context);
  const Tensor hidden = config.activation == tensor::Activation::kSilu ? composed::silu_mul(gate, up)
                                                                       : tensor::activate(gate, config.activation) * up;
  return block.down.forward_composed(hidden, context);
}

Tensor run(const Block& block, const DecoderConfig& config, const Tensor& x, const BlockInput& input) {
  const auto attend = [&](const Tensor& in) { return attention_part(block, config, in, input); };
  const auto think = [&](const Tensor& in) { return mlp_part(block, config, in, input.context); };
  if (config.norm_place == NormPlace::kBefore) {
    const Tensor middle = x + attend(block.attention_norm.forward_composed(x));
    return middle + think(block.mlp_norm.forward_composed(middle));
  }
  const Tensor middle = block.attention_norm.forward_composed(x + attend(x));
  return block.mlp_norm.forward_composed(middle + think(middle));
}

}  // namespace

Tensor composed_forward(const Block& block, const DecoderConfig& config, const Tensor& x,
                        const std::shared_ptr<const BlockInput>& input) {
  if (!input->context.recompute) return run(block, config, x, *input);
  return recomputed(x, block.trainable(),
                    [&block, &config, input](const Tensor& in) { return run(block, config, in, *input); });
}

}  // namespace hone::model
