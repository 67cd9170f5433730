// Attention from matrix products and a softmax: what runs where libtorch has no kernel for it, and what the kernels
// are tested against. It holds the T x T scores of one sequence for all heads at a time.
#include <ATen/TensorOperators.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/ones.h>

#include <limits>

#include "tensor/attention.h"

namespace hone::tensor::portable {
namespace {

/// [T, H, dim] as [K, G·T, dim] in the type of sums, G = H/K: the rows of all heads that share keys and values.
Tensor by_group(const Tensor& x, int64_t kv_heads) {
  return x.transpose(0, 1).reshape({kv_heads, x.size(1) / kv_heads * x.size(0), x.size(2)}).to(sum_type(x));
}

/// The reverse, into `to` [T, H, dim].
void ungroup(const Tensor& x, const Tensor& to) {
  to.copy_(x.view({to.size(1), to.size(0), to.size(2)}).transpose(0, 1));
}

/// [K, G·T, L]: q kᵀ · scale for grouped q, where the last of the `steps` = T rows of a head sees all of the L keys.
Tensor scores(const Tensor& q, const Tensor& k, int64_t steps, double scale, AttentionMask mask) {
  const int64_t kv_heads = k.size(0), length = k.size(1);
  Tensor all = at::bmm(q, k.transpose(1, 2)).mul_(scale);
  if (mask == AttentionMask::kNone) return all;
  const Tensor future = at::ones({steps, length}, q.options().dtype(at::kBool)).triu(length - steps + 1);
  all.view({kv_heads, -1, steps, length}).masked_fill_(future, -std::numeric_limits<double>::infinity());
  return all;
}

/// q [T, H, dim] over keys and values [K, L, dim] into out [T, H, dim]; returns the log-sum-exp of each row.
Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, double scale, AttentionMask mask, const Tensor& out) {
  const int64_t kv_heads = k.size(0);
  const Tensor all = scores(by_group(q, kv_heads), k.to(sum_type(k)), q.size(0), scale, mask);
  Tensor logsumexp = at::logsumexp(all, {2}, /*keepdim=*/true);
  ungroup(at::bmm((all - logsumexp).exp_(), v.to(sum_type(v))), out);
  return logsumexp;
}

}  // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, std::span<const int64_t> cu_seqlens, double scale,
                 AttentionSaved* saved, AttentionMask mask) {
  Tensor out = at::empty(q.sizes(), q.options());
  for (size_t i = 0; i + 1 < cu_seqlens.size(); ++i) {
    const auto part = [&](const Tensor& x) { return x.narrow(0, cu_seqlens[i], cu_seqlens[i + 1] - cu_seqlens[i]); };
    const Tensor logsumexp = attend(part(q), part(k).transpose(0, 1), part(v).transpose(0, 1), scale, mask, part(out));
    if (saved != nullptr) saved->logsumexp.push_back(logsumexp);
  }
  return out;
}

// With p = softmax(s):  dv = pᵀ do;  ds = p ∘ (do vᵀ − rowsum(do ∘ o));  dq = ds k · scale;  dk = dsᵀ q · scale.
void attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& out,
                        const AttentionSaved& saved, std::span<const int64_t> cu_seqlens, double scale, Tensor& dq,
                        Tensor& dk, Tensor& dv, AttentionMask mask) {
  const int64_t kv_heads = k.size(1);
  for (size_t i = 0; i + 1 < cu_seqlens.size(); ++i) {
    const auto part = [&](const Tensor& x) { return x.narrow(0, cu_seqlens[i], cu_seqlens[i + 1] - cu_seqlens[i]); };
    const Tensor query = by_group(part(q), kv_heads), key = by_group(part(k), kv_heads);
    const Tensor value = by_group(part(v), kv_heads), gradient = by_group(part(dout), kv_heads);
    const Tensor p = (scores(query, key, part(q).size(0), scale, mask) - saved.logsumexp[i]).exp_();
    const Tensor row = (gradient * by_group(part(out), kv_heads)).sum(-1, /*keepdim=*/true);
    const Tensor ds = (at::bmm(gradient, value.transpose(1, 2)) - row).mul_(p).mul_(scale);
    ungroup(at::bmm(ds, key), part(dq));
    ungroup(at::bmm(ds.transpose(1, 2), query), part(dk));
    ungroup(at::bmm(p.transpose(1, 2), gradient), part(dv));
  }
}

Tensor attention_cached(const Tensor& q, const Tensor& keys, const Tensor& values, int64_t length, double scale) {
  Tensor out = at::empty(q.sizes(), q.options());
  attend(q, keys.narrow(1, 0, length), values.narrow(1, 0, length), scale, AttentionMask::kCausal, out);
  return out;
}

}  // namespace hone::tensor::portable
