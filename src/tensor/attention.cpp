#include "tensor/attention.h"

#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <vector>

namespace hone::tensor {
namespace {

/// [T, K, dim] as [1, H, T, dim]: each key/value head repeated for the H/K query heads that share it.
Tensor spread_heads(const Tensor& x, int64_t heads) {
  const int64_t groups = heads / x.size(1);
  const Tensor by_head = x.transpose(0, 1);  // [K, T, dim]
  if (groups == 1) return by_head.unsqueeze(0);
  return by_head.unsqueeze(1)
      .expand({x.size(1), groups, x.size(0), x.size(2)})
      .reshape({1, heads, x.size(0), x.size(2)});
}

/// The reverse for gradients: [1, H, T, dim] summed over the heads of a group, into `to` [T, K, dim].
void gather_heads(const Tensor& gradient, Tensor to) {
  const int64_t kv_heads = to.size(1), groups = gradient.size(1) / kv_heads;
  const Tensor summed = gradient.view({kv_heads, groups, to.size(0), to.size(2)}).sum(1);
  to.copy_(summed.transpose(0, 1));
}

Tensor by_head(const Tensor& x) {
  return x.transpose(0, 1).unsqueeze(0);
}

}  // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, std::span<const int64_t> cu_seqlens, double scale,
                 AttentionSaved* saved) {
  Tensor out = at::empty({q.size(0), q.size(1), q.size(2)}, q.options());
  for (size_t i = 0; i + 1 < cu_seqlens.size(); ++i) {
    const int64_t begin = cu_seqlens[i], length = cu_seqlens[i + 1] - begin;
    const auto [result, logsumexp] = at::_scaled_dot_product_flash_attention_for_cpu(
        by_head(q.narrow(0, begin, length)), spread_heads(k.narrow(0, begin, length), q.size(1)),
        spread_heads(v.narrow(0, begin, length), q.size(1)), 0.0, /*is_causal=*/true, {}, scale);
    out.narrow(0, begin, length).copy_(result.squeeze(0).transpose(0, 1));
    if (saved != nullptr) saved->logsumexp.push_back(logsumexp);
  }
  return out;
}

void attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& out,
                        const AttentionSaved& saved, std::span<const int64_t> cu_seqlens, double scale, Tensor& dq,
                        Tensor& dk, Tensor& dv) {
  for (size_t i = 0; i + 1 < cu_seqlens.size(); ++i) {
    const int64_t begin = cu_seqlens[i], length = cu_seqlens[i + 1] - begin;
    const auto part = [&](const Tensor& x) { return x.narrow(0, begin, length); };
    const auto [gq, gk, gv] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
        by_head(part(dout)), by_head(part(q)), spread_heads(part(k), q.size(1)), spread_heads(part(v), q.size(1)),
        by_head(part(out)), saved.logsumexp[i], 0.0, /*is_causal=*/true, {}, scale);
    part(dq).copy_(gq.squeeze(0).transpose(0, 1));
    gather_heads(gk, part(dk));
    gather_heads(gv, part(dv));
  }
}

Tensor attention_cached(const Tensor& q, const Tensor& keys, const Tensor& values, int64_t length, double scale) {
  const int64_t steps = q.size(0);
  const Tensor k = keys.narrow(1, 0, length).unsqueeze(0), v = values.narrow(1, 0, length).unsqueeze(0);
  const bool grouped = q.size(1) != keys.size(0);
  std::optional<Tensor> mask;
  const bool from_start = steps == length;
  if (!from_start && steps > 1) {
    const auto options = q.options().dtype(at::kLong);
    mask = at::arange(length, options).unsqueeze(0).le(at::arange(length - steps, length, options).unsqueeze(1));
  }
  const Tensor out = at::scaled_dot_product_attention(by_head(q), k, v, mask, 0.0, from_start, scale, grouped);
  return out.squeeze(0).transpose(0, 1).contiguous();
}

}  // namespace hone::tensor
