#include "model/block.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <cmath>

#include "model/autograd_node.h"

namespace hone::model {

/// Per token, in elements: x, q, k, v, attention output, middle residual, gate, up; a few floats a row.
struct Block::Saved {
  Tensor x, rstd1, q, k, v, attended, middle, rstd2, gate, up;
  tensor::AttentionSaved attention;
  Linear::Saved q_low, k_low, v_low, o_low, gate_low, up_low, down_low;
};

namespace {

/// A norm's weight in the type of the activations.
Tensor norm_weight(const Tensor& weight, const Tensor& like) {
  return weight.detach().to(like.scalar_type());
}

}  // namespace

Block::Block(const DecoderConfig& config, int64_t layer) : config_(config), layer_(layer) {}

double Block::attention_scale() const {
  return 1 / std::sqrt(static_cast<double>(config_.head_dim));
}

std::vector<Tensor> Block::trainable() const {
  std::vector<Tensor> all;
  for (const Tensor& norm : {attention_norm, mlp_norm}) {
    if (GradSink::wants(norm)) all.push_back(norm);
  }
  for (const Linear* linear : {&q, &k, &v, &o, &gate, &up, &down}) linear->collect_trainable(all);
  return all;
}

Tensor Block::run_forward(const Tensor& x, const BlockInput& input, const Attend& attend, Saved* saved) const {
  Saved local;
  Saved& s = saved != nullptr ? *saved : local;
  const bool keep = saved != nullptr;
  const int64_t n = x.size(0), heads = config_.num_attention_heads, kv_heads = config_.num_key_value_heads,
                dim = config_.head_dim;
  const auto project = [&](const Linear& linear, const Tensor& in, Linear::Saved& low) {
    return linear.forward(in, input.context, keep ? &low : nullptr);
  };

  auto [normed, rstd1] = tensor::rms_norm(x, norm_weight(attention_norm, x), config_.rms_norm_eps);
  Tensor query = project(q, normed, s.q_low).view({n, heads, dim});
  Tensor key = project(k, normed, s.k_low).view({n, kv_heads, dim});
  Tensor value = project(v, normed, s.v_low).view({n, kv_heads, dim});
  tensor::rope(query, input.positions, input.cos, input.sin, false);
  tensor::rope(key, input.positions, input.cos, input.sin, false);
  Tensor attended = attend(query, key, value, keep ? &s.attention : nullptr).view({n, heads * dim});
  Tensor middle = project(o, attended, s.o_low).add_(x);

  auto [normed2, rstd2] = tensor::rms_norm(middle, norm_weight(mlp_norm, x), config_.rms_norm_eps);
  Tensor gated = project(gate, normed2, s.gate_low), raised = project(up, normed2, s.up_low);
  Tensor y = project(down, tensor::silu_mul(gated, raised), s.down_low).add_(middle);
  if (keep) {
    s.x = x, s.rstd1 = rstd1, s.q = query, s.k = key, s.v = value, s.attended = attended;
    s.middle = middle, s.rstd2 = rstd2, s.gate = gated, s.up = raised;
  }
  return y;
}

Tensor Block::run_packed(const Tensor& x, const BlockInput& input, Saved* saved) const {
  const auto attend = [&](const Tensor& query, const Tensor& key, const Tensor& value, tensor::AttentionSaved* kept) {
    return tensor::attention(query, key, value, input.cu_seqlens, attention_scale(), kept);
  };
  return run_forward(x, input, attend, saved);
}

Tensor Block::run_backward(const Tensor& dy, Saved& s, const BlockInput& input, GradSink& sink, bool want_input) const {
  const int64_t n = dy.size(0), heads = config_.num_attention_heads, kv_heads = config_.num_key_value_heads,
                dim = config_.head_dim;
  const StepContext& context = input.context;

  Tensor dmiddle = dy.clone();
  {
    Tensor dhidden, dnormed;
    down.backward(dy, tensor::silu_mul(s.gate, s.up), s.down_low, context, sink, &dhidden, false);
    tensor::silu_mul_backward(dhidden, s.gate, s.up);  // s.gate and s.up are gradients from here on
    const Tensor weight = norm_weight(mlp_norm, s.middle);
    const Tensor normed = tensor::rms_norm(s.middle, weight, config_.rms_norm_eps).first;
    gate.backward(s.gate, normed, s.gate_low, context, sink, &dnormed, false);
    up.backward(s.up, normed, s.up_low, context, sink, &dnormed, true);
    const bool want_weight = GradSink::wants(mlp_norm);
    const Tensor dweight = tensor::rms_norm_backward(dnormed, s.middle, weight, s.rstd2, dmiddle, want_weight);
    if (want_weight) sink.add(mlp_norm, dweight);
    s.gate = s.up = s.middle = Tensor();
  }
  Tensor dattended;
  o.backward(dmiddle, s.attended, s.o_low, context, sink, &dattended, false);
  Tensor dq = at::empty_like(s.q), dk = at::empty_like(s.k), dv = at::empty_like(s.v);
  tensor::attention_backward(dattended.view({n, heads, dim}), s.q, s.k, s.v, s.attended.view({n, heads, dim}),
                             s.attention, input.cu_seqlens, attention_scale(), dq, dk, dv);
  tensor::rope(dq, input.positions, input.cos, input.sin, true);
  tensor::rope(dk, input.positions, input.cos, input.sin, true);
  const Tensor weight = norm_weight(attention_norm, s.x);
  const Tensor normed = tensor::rms_norm(s.x, weight, config_.rms_norm_eps).first;
  const bool want_weight = GradSink::wants(attention_norm);
  // The gradient of the norm's output is needed for x and for the norm's own weight alone.
  Tensor dnormed;
  Tensor* to = want_input || want_weight ? &dnormed : nullptr;
  q.backward(dq.view({n, heads * dim}), normed, s.q_low, context, sink, to, false);
  k.backward(dk.view({n, kv_heads * dim}), normed, s.k_low, context, sink, to, true);
  v.backward(dv.view({n, kv_heads * dim}), normed, s.v_low, context, sink, to, true);
  if (to == nullptr) return Tensor();
  const Tensor dweight = tensor::rms_norm_backward(dnormed, s.x, weight, s.rstd1, dmiddle, want_weight);
  if (want_weight) sink.add(attention_norm, dweight);
  return dmiddle;
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
  const auto attend = [&](const Tensor& query, const Tensor& key, const Tensor& value, tensor::AttentionSaved*) {
    Tensor attended = at::empty_like(query);
    for (size_t i = 0; i + 1 < input.cu_seqlens.size(); ++i) {
      const int64_t begin = input.cu_seqlens[i], steps = input.cu_seqlens[i + 1] - begin;
      KvCache& cache = *caches[i];
      cache.keys[layer].narrow(1, cache.length, steps).copy_(key.narrow(0, begin, steps).transpose(0, 1));
      cache.values[layer].narrow(1, cache.length, steps).copy_(value.narrow(0, begin, steps).transpose(0, 1));
      attended.narrow(0, begin, steps)
          .copy_(tensor::attention_cached(query.narrow(0, begin, steps), cache.keys[layer], cache.values[layer],
                                          cache.length + steps, attention_scale()));
    }
    return attended;
  };
  return run_forward(x, input, attend, nullptr);
}

}  // namespace hone::model
