#include "model/block.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>

#include "model/autograd_node.h"

namespace hone::model {

/// Per token, in elements: x, q, k, v, attention output, the sum in the middle, gate, up; a few floats a row. A norm
/// after the sublayers adds their sums.
struct Block::Saved {
  Tensor x, q, k, v, attended, middle, gate, up;
  Tensor sum1, sum2;  // what the norms after the sublayers were given
  Norm::Saved norm1, norm2;
  tensor::AttentionSaved attention;
  Linear::Saved q_low, k_low, v_low, qkv_low, o_low, gate_low, up_low, down_low;
};

namespace {

Linear::Saved* kept_if(bool keep, Linear::Saved& low) {
  return keep ? &low : nullptr;
}

/// libtorch's vectors begin with the first element of the whole, so that their ends would fall elsewhere in a row with
/// the number of rows before it.
Tensor activate_row_by_row(const Tensor& x, tensor::Activation activation) {
  Tensor out = at::empty_like(x);
  for (int64_t i = 0; i < x.size(0); ++i) out.select(0, i).copy_(tensor::activate(x.select(0, i), activation));
  return out;
}

/// What `down` is given.
Tensor mlp_hidden(const DecoderConfig& config, const Tensor& gate, const Tensor& up, bool row_by_row) {
  const auto activate = row_by_row ? activate_row_by_row : tensor::activate;
  if (!config.gated_mlp) return activate(up, config.activation);
  if (config.activation == tensor::Activation::kSilu) return tensor::silu_mul(gate, up);
  return activate(gate, config.activation).mul_(up);
}

/// Puts the gradients of gate and up in their place.
void mlp_hidden_backward(const DecoderConfig& config, const Tensor& dhidden, Tensor& gate, Tensor& up) {
  if (!config.gated_mlp) {
    up = tensor::activate_backward(dhidden, up, config.activation);
  } else if (config.activation == tensor::Activation::kSilu) {
    tensor::silu_mul_backward(dhidden, gate, up);
  } else {
    const Tensor dup = tensor::activate(gate, config.activation).mul_(dhidden);
    gate = tensor::activate_backward(dhidden * up, gate, config.activation);
    up = dup;
  }
}

}  // namespace

Block::Block(const DecoderConfig& config, int64_t layer) : config_(config), layer_(layer) {}

double Block::attention_scale() const {
  const double scale = config_.scales_attention ? 1 / std::sqrt(static_cast<double>(config_.head_dim)) : 1;
  return config_.scales_by_layer ? scale / static_cast<double>(layer_ + 1) : scale;
}

std::vector<Linear Block::*> Block::linears(const DecoderConfig& config) {
  std::vector<Linear Block::*> all;
  if (config.fused_qkv) {
    all = {&Block::qkv, &Block::o};
  } else {
    all = {&Block::q, &Block::k, &Block::v, &Block::o};
  }
  if (config.gated_mlp) all.push_back(&Block::gate);
  all.insert(all.end(), {&Block::up, &Block::down});
  return all;
}

std::vector<Tensor> Block::trainable() const {
  std::vector<Tensor> all;
  attention_norm.collect_trainable(all);
  mlp_norm.collect_trainable(all);
  for (const Linear Block::*linear : linears(config_)) (this->*linear).collect_trainable(all);
  return all;
}

Block::Heads Block::make_heads(const Tensor& in, const BlockInput& input, Saved* saved) const {
  Saved local;
  Saved& s = saved != nullptr ? *saved : local;
  const bool keep = saved != nullptr;
  const int64_t n = in.size(0), heads = config_.num_attention_heads, kv_heads = config_.num_key_value_heads,
                dim = config_.head_dim;
  Heads made;
  if (config_.fused_qkv) {
    const Tensor all = qkv.forward(in, input.context, kept_if(keep, s.qkv_low)).view({n, heads + 2 * kv_heads, dim});
    // The kernels want rows of queries alone, of keys alone and of values alone.
    made.q = all.narrow(1, 0, heads).contiguous();
    made.k = all.narrow(1, heads, kv_heads).contiguous();
    made.v = all.narrow(1, heads + kv_heads, kv_heads).contiguous();
  } else {
    made.q = q.forward(in, input.context, kept_if(keep, s.q_low)).view({n, heads, dim});
    made.k = k.forward(in, input.context, kept_if(keep, s.k_low)).view({n, kv_heads, dim});
    made.v = v.forward(in, input.context, kept_if(keep, s.v_low)).view({n, kv_heads, dim});
  }
  if (config_.positions == PositionKind::kRotary) {
    tensor::rope(made.q, input.positions, input.cos, input.sin, false);
    tensor::rope(made.k, input.positions, input.cos, input.sin, false);
  }
  return made;
}

Tensor Block::attention_part(const Tensor& in, const BlockInput& input, const Attend& attend, Saved* saved) const {
  const Heads heads = make_heads(in, input, saved);
  const Tensor attended = attend(heads, saved != nullptr ? &saved->attention : nullptr)
                              .view({in.size(0), config_.num_attention_heads * config_.head_dim});
  if (saved != nullptr) saved->q = heads.q, saved->k = heads.k, saved->v = heads.v, saved->attended = attended;
  return o.forward(attended, input.context, saved != nullptr ? &saved->o_low : nullptr);
}

Tensor Block::mlp_part(const Tensor& in, const BlockInput& input, Saved* saved) const {
  Saved local;
  Saved& s = saved != nullptr ? *saved : local;
  const bool keep = saved != nullptr;
  Tensor gated;
  if (config_.gated_mlp) gated = gate.forward(in, input.context, kept_if(keep, s.gate_low));
  const Tensor raised = up.forward(in, input.context, kept_if(keep, s.up_low));
  if (keep) s.gate = gated, s.up = raised;
  return down.forward(mlp_hidden(config_, gated, raised, input.context.row_by_row), input.context,
                      kept_if(keep, s.down_low));
}

Tensor Block::run_forward(const Tensor& x, const BlockInput& input, const Attend& attend, Saved* saved) const {
  Saved local;
  Saved& s = saved != nullptr ? *saved : local;
  s.x = x;
  if (config_.norm_place == NormPlace::kBefore) {
    s.middle = attention_part(attention_norm.forward(x, &s.norm1), input, attend, saved).add_(x);
    return mlp_part(mlp_norm.forward(s.middle, &s.norm2), input, saved).add_(s.middle);
  }
  s.sum1 = attention_part(x, input, attend, saved).add_(x);
  s.middle = attention_norm.forward(s.sum1, &s.norm1);
  s.sum2 = mlp_part(s.middle, input, saved).add_(s.middle);
  return mlp_norm.forward(s.sum2, &s.norm2);
}

Tensor Block::run_packed(const Tensor& x, const BlockInput& input, Saved* saved) const {
  const auto attend = [&](const Heads& heads, tensor::AttentionSaved* kept) {
    return tensor::attention(heads.q, heads.k, heads.v, input.cu_seqlens, attention_scale(), kept,
                             config_.attention_mask);
  };
  return run_forward(x, input, attend, saved);
}

Tensor Block::mlp_backward(const Tensor& dy, const Tensor& in, Saved& s, const BlockInput& input,
                           GradSink& sink) const {
  const StepContext& context = input.context;
  Tensor dhidden, din;
  down.backward(dy, mlp_hidden(config_, s.gate, s.up, false), s.down_low, context, sink, &dhidden, false);
  mlp_hidden_backward(config_, dhidden, s.gate, s.up);  // s.gate and s.up are gradients from here on
  if (config_.gated_mlp) gate.backward(s.gate, in, s.gate_low, context, sink, &din, false);
  up.backward(s.up, in, s.up_low, context, sink, &din, config_.gated_mlp);
  s.gate = s.up = Tensor();
  return din;
}

Tensor Block::attention_backward(const Tensor& dy, const Tensor& in, Saved& s, const BlockInput& input, GradSink& sink,
                                 bool want_input) const {
  const int64_t n = dy.size(0), heads = config_.num_attention_heads, kv_heads = config_.num_key_value_heads,
                dim = config_.head_dim;
  const StepContext& context = input.context;
  Tensor dattended, din;
  o.backward(dy, s.attended, s.o_low, context, sink, &dattended, false);
  Tensor dq = at::empty_like(s.q), dk = at::empty_like(s.k), dv = at::empty_like(s.v);
  tensor::attention_backward(dattended.view({n, heads, dim}), s.q, s.k, s.v, s.attended.view({n, heads, dim}),
                             s.attention, input.cu_seqlens, attention_scale(), dq, dk, dv, config_.attention_mask);
  if (config_.positions == PositionKind::kRotary) {
    tensor::rope(dq, input.positions, input.cos, input.sin, true);
    tensor::rope(dk, input.positions, input.cos, input.sin, true);
  }
  Tensor* to = want_input ? &din : nullptr;
  if (config_.fused_qkv) {
    const Tensor all = at::cat({dq, dk, dv}, 1).view({n, (heads + 2 * kv_heads) * dim});
    qkv.backward(all, in, s.qkv_low, context, sink, to, false);
  } else {
    q.backward(dq.view({n, heads * dim}), in, s.q_low, context, sink, to, false);
    k.backward(dk.view({n, kv_heads * dim}), in, s.k_low, context, sink, to, true);
    v.backward(dv.view({n, kv_heads * dim}), in, s.v_low, context, sink, to, true);
  }
  return din;
}

Tensor Block::run_backward(const Tensor& dy, Saved& s, const BlockInput& input, GradSink& sink, bool want_input) const {
  if (config_.norm_place == NormPlace::kBefore) {
    Tensor dx = dy.clone();
    {
      const Tensor din = mlp_backward(dy, mlp_norm.forward(s.middle, nullptr), s, input, sink);
      mlp_norm.backward(din, s.middle, s.norm2, sink, dx);
      s.middle = Tensor();
    }
    // The gradient of the norm's output is needed for x and for the norm's own weight alone.
    const bool want_normed = want_input || attention_norm.trains();
    const Tensor din = attention_backward(dx, attention_norm.forward(s.x, nullptr), s, input, sink, want_normed);
    if (want_normed) attention_norm.backward(din, s.x, s.norm1, sink, dx);
    return want_input ? dx : Tensor();
  }
  Tensor dsum2 = at::zeros_like(dy), dsum1 = at::zeros_like(dy);
  mlp_norm.backward(dy, s.sum2, s.norm2, sink, dsum2);
  const Tensor dmiddle = mlp_backward(dsum2, s.middle, s, input, sink).add_(dsum2);
  attention_norm.backward(dmiddle, s.sum1, s.norm1, sink, dsum1);
  const Tensor din = attention_backward(dsum1, s.x, s, input, sink, want_input);
  return want_input ? dsum1.add_(din) : Tensor();
}

Tensor Block::forward(const Tensor& x, const std::shared_ptr<const BlockInput>& input) const {
  const std::vector<Tensor> parameters = trainable();
  if (!needs_gradient(x, parameters)) return run_packed(x.detach(), *input, nullptr);
  auto saved = std::make_shared<Saved>();
  const bool recompute = input->context.recompute;
  Tensor y = without_gradients([&] { return run_packed(x.detach(), *input, recompute ? nullptr : saved.get()); });
  if (recompute) saved->x = x.detach();
  const bool want_input = x.requires_grad();
  return attach_backward(y, x, parameters, [this, saved, input, parameters, recompute, want_input](const Tensor& dy) {
    GradSink sink(parameters);
    // Dropout draws its numbers from counters, so the repeated forward is the same as the first.
    if (recompute) run_packed(Tensor(saved->x), *input, saved.get());
    const Tensor dx = run_backward(dy.contiguous(), *saved, *input, sink, want_input);
    *saved = Saved();
    return std::pair(dx, sink.take());
  });
}

Tensor Block::forward_cached(const Tensor& x, const BlockInput& input, std::span<KvCache* const> caches) const {
  const auto layer = static_cast<size_t>(layer_);
  const auto attend = [&](const Heads& heads, tensor::AttentionSaved*) {
    Tensor attended = at::empty_like(heads.q);
    for (size_t i = 0; i + 1 < input.cu_seqlens.size(); ++i) {
      const int64_t begin = input.cu_seqlens[i], steps = input.cu_seqlens[i + 1] - begin;
      KvCache& cache = *caches[i];
      cache.keys[layer].narrow(1, cache.length, steps).copy_(heads.k.narrow(0, begin, steps).transpose(0, 1));
      cache.values[layer].narrow(1, cache.length, steps).copy_(heads.v.narrow(0, begin, steps).transpose(0, 1));
      attended
          .narrow(0, begin, steps)
          // A copy, so that the query lies at the same alignment whatever rows come before it.
          .copy_(tensor::attention_cached(heads.q.narrow(0, begin, steps).clone(), cache.keys[layer],
                                          cache.values[layer], cache.length + steps, attention_scale()));
    }
    return attended;
  };
  return run_forward(x, input, attend, nullptr);
}

}  // namespace hone::model
