#include "tensor/attention.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <algorithm>
#include <vector>

#include "tensor/cpu/operands.h"
#include "tensor/cuda/ops.h"
#include "tensor/device.h"
#include "tensor/parallel.h"

namespace hone::tensor {
namespace {

bool have_kernel(const Tensor& q, const Tensor& k, const Tensor& v) {
  return has_kernel(q) && has_kernel(k) && has_kernel(v) && k.scalar_type() == q.scalar_type() &&
         v.scalar_type() == q.scalar_type();
}

/// An item for each head of each sequence, the longest sequences first, so that threads end together.
std::vector<cpu::AttentionItem> items_of(const Tensor& q, const Tensor& k, std::span<const int64_t> cu_seqlens,
                                         double scale) {
  std::vector<cpu::AttentionItem> items;
  for (size_t i = 0; i + 1 < cu_seqlens.size(); ++i) {
    const int64_t length = cu_seqlens[i + 1] - cu_seqlens[i];
    for (int64_t head = 0; length > 0 && head < q.size(1); ++head) {
      items.push_back(
          {type_of(q), cu_seqlens[i], length, head, q.size(1), k.size(1), q.size(2), static_cast<float>(scale)});
    }
  }
  std::stable_sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.length > b.length; });
  return items;
}

/// body(item, scratch) for all items; each thread has scratch of its own, taken here, where a lack of memory can
/// still be reported.
template <typename Body>
void for_each_item(const std::vector<cpu::AttentionItem>& items, bool backward, const Body& body) {
  if (items.empty()) return;
  const int64_t floats = cpu::kernels().attention_scratch(items.front().length, items.front().dim, backward);
  Tensor scratch = at::empty({parallel_threads(), floats}, at::TensorOptions().dtype(at::kFloat));
  auto* memory = scratch.mutable_data_ptr<float>();
  parallel_tasks(static_cast<int64_t>(items.size()),
                 [&](int64_t i, int64_t thread) { body(items[static_cast<size_t>(i)], memory + thread * floats); });
}

Tensor attention_kernel(const Tensor& q, const Tensor& k, const Tensor& v, std::span<const int64_t> cu_seqlens,
                        double scale, AttentionSaved* saved) {
  Tensor out = at::empty(q.sizes(), q.options());
  Tensor logsumexp = at::empty({q.size(0), q.size(1)}, q.options().dtype(at::kFloat));
  const void *queries = q.const_data_ptr(), *keys = k.const_data_ptr(), *values = v.const_data_ptr();
  void* to = out.mutable_data_ptr();
  auto* sums = logsumexp.mutable_data_ptr<float>();
  for_each_item(items_of(q, k, cu_seqlens, scale), false, [&](const cpu::AttentionItem& item, float* scratch) {
    cpu::kernels().attention_forward(item, queries, keys, values, to, sums, scratch);
  });
  if (saved != nullptr) saved->logsumexp = {logsumexp};
  return out;
}

void attention_kernel_backward(const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& out,
                               const Tensor& logsumexp, std::span<const int64_t> cu_seqlens, double scale, Tensor& dq,
                               Tensor& dk, Tensor& dv) {
  Tensor dk_shares = at::empty(q.sizes(), q.options().dtype(at::kFloat)), dv_shares = at::empty_like(dk_shares);
  const void *queries = q.const_data_ptr(), *keys = k.const_data_ptr(), *values = v.const_data_ptr();
  const void *answer = out.const_data_ptr(), *upstream = dout.const_data_ptr();
  const auto* sums = logsumexp.const_data_ptr<float>();
  void* to_q = dq.mutable_data_ptr();
  auto *to_k = dk_shares.mutable_data_ptr<float>(), *to_v = dv_shares.mutable_data_ptr<float>();
  for_each_item(items_of(q, k, cu_seqlens, scale), true, [&](const cpu::AttentionItem& item, float* scratch) {
    cpu::kernels().attention_backward(item, queries, keys, values, answer, sums, upstream, to_q, to_k, to_v, scratch);
  });
  sum_groups(dk_shares, dk);
  sum_groups(dv_shares, dv);
}

}  // namespace

void sum_groups(const Tensor& shares, const Tensor& to) {
  const int64_t groups = shares.size(1) / to.size(1);
  to.copy_(groups == 1 ? shares : shares.reshape({to.size(0), to.size(1), groups, to.size(2)}).sum(2));
}

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, std::span<const int64_t> cu_seqlens, double scale,
                 AttentionSaved* saved, AttentionMask mask) {
  if (mask == AttentionMask::kNone) return portable::attention(q, k, v, cu_seqlens, scale, saved, mask);
  if (have_kernel(q, k, v)) return attention_kernel(q, k, v, cu_seqlens, scale, saved);
  if (gpu::attends(q, scale)) return gpu::attention(q, k, v, cu_seqlens, scale, saved);
  return portable::attention(q, k, v, cu_seqlens, scale, saved);
}

void attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& out,
                        const AttentionSaved& saved, std::span<const int64_t> cu_seqlens, double scale, Tensor& dq,
                        Tensor& dk, Tensor& dv, AttentionMask mask) {
  if (mask == AttentionMask::kNone) {
    portable::attention_backward(dout, q, k, v, out, saved, cu_seqlens, scale, dq, dk, dv, mask);
    return;
  }
  if (have_kernel(q, k, v)) {
    return attention_kernel_backward(dout.contiguous(), q, k, v, out.contiguous(), saved.logsumexp[0], cu_seqlens,
                                     scale, dq, dk, dv);
  }
  if (gpu::attends(q, scale)) {
    return gpu::attention_backward(dout, q, k, v, out, saved, cu_seqlens, scale, dq, dk, dv);
  }
  portable::attention_backward(dout, q, k, v, out, saved, cu_seqlens, scale, dq, dk, dv, mask);
}

Tensor attention_cached(const Tensor& q, const Tensor& keys, const Tensor& values, int64_t length, double scale) {
  // libtorch chooses among the kernels of a GPU by itself here; on any other device nothing is known of it.
  if (only_portable() || !(q.is_cpu() || q.is_cuda())) {
    return portable::attention_cached(q, keys, values, length, scale);
  }
  const int64_t steps = q.size(0);
  const Tensor k = keys.narrow(1, 0, length).unsqueeze(0), v = values.narrow(1, 0, length).unsqueeze(0);
  const bool grouped = q.size(1) != keys.size(0);
  std::optional<Tensor> mask;
  const bool from_start = steps == length;
  if (!from_start && steps > 1) {
    const auto options = q.options().dtype(at::kLong);
    mask = at::arange(length, options).unsqueeze(0).le(at::arange(length - steps, length, options).unsqueeze(1));
  }
  const Tensor out =
      at::scaled_dot_product_attention(q.transpose(0, 1).unsqueeze(0), k, v, mask, 0.0, from_start, scale, grouped);
  return out.squeeze(0).transpose(0, 1).contiguous();
}

}  // namespace hone::tensor
