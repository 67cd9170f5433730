#include "model/composed_ops.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/softmax.h>

#include <limits>
#include <vector>

#include "model/autograd_node.h"

namespace hone::model::composed {
namespace {

/// One sequence: q [T, H, dim], k and v [T, K, dim].
Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, double scale, tensor::AttentionMask mask) {
  const int64_t length = q.size(0), heads = q.size(1), kv_heads = k.size(1), dim = q.size(2);
  // Query heads g, g + 1, … of a group lie side by side and share a key/value head: [K, H / K, T, dim].
  const Tensor query = q.reshape({length, kv_heads, heads / kv_heads, dim}).permute({1, 2, 0, 3});
  const Tensor key = k.permute({1, 2, 0}).unsqueeze(1);    // [K, 1, dim, T]
  const Tensor value = v.permute({1, 0, 2}).unsqueeze(1);  // [K, 1, T, dim]
  Tensor scores = at::matmul(query, key) * scale;
  if (mask == tensor::AttentionMask::kCausal) {
    const Tensor later = at::ones({length, length}, q.options().dtype(at::kBool)).triu(1);
    scores = scores.masked_fill(later, -std::numeric_limits<double>::infinity());
  }
  const Tensor shares = at::softmax(scores, -1, sum_type(q)).to(v.scalar_type());
  return at::matmul(shares, value).permute({2, 0, 1, 3}).reshape({length, heads, dim});
}

}  // namespace

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) {
  return tensor::portable::rms_norm(x, weight.to(x.scalar_type()), eps).first;
}

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  const at::ScalarType wide = sum_type(x);
  const Tensor centred = x.to(wide) - x.to(wide).mean(-1, /*keepdim=*/true);
  const Tensor normed = centred * at::rsqrt(centred.pow(2).mean(-1, /*keepdim=*/true) + eps);
  return (normed * weight.to(wide) + bias.to(wide)).to(x.scalar_type());
}

Tensor rope(const Tensor& x, const Tensor& positions, const Tensor& cos, const Tensor& sin) {
  Tensor turned = x.clone();
  tensor::portable::rope(turned, positions, cos, sin, false);
  return turned;
}

Tensor dropout(const Tensor& x, double p, tensor::DropoutKey key) {
  const auto drop = [p, key](const Tensor& values) { return tensor::dropout(values, p, key); };
  Tensor kept = without_gradients([&] { return drop(x.detach().contiguous()); });
  if (!needs_gradient(x, {})) return kept;
  return attach_backward(kept, x, {},
                         [drop](const Tensor& dy) { return std::pair(drop(dy.contiguous()), std::vector<Tensor>()); });
}

Tensor matmul_transposed(const Tensor& x, const std::shared_ptr<const tensor::Quantized>& w) {
  Tensor y = without_gradients([&] { return tensor::matmul_transposed(x.detach(), *w); });
  if (!needs_gradient(x, {})) return y;
  return attach_backward(y, x, {}, [w](const Tensor& dy) {
    Tensor dx;
    tensor::matmul(dy.contiguous(), *w, dx, /*accumulate=*/false);
    return std::pair(dx, std::vector<Tensor>());
  });
}

Tensor silu_mul(const Tensor& gate, const Tensor& up) {
  return tensor::portable::silu_mul(gate, up);
}

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, std::span<const int64_t> cu_seqlens, double scale,
                 tensor::AttentionMask mask) {
  std::vector<Tensor> sequences;
  for (size_t i = 0; i + 1 < cu_seqlens.size(); ++i) {
    const int64_t begin = cu_seqlens[i], length = cu_seqlens[i + 1] - begin;
    const auto part = [&](const Tensor& x) { return x.narrow(0, begin, length); };
    sequences.push_back(attend(part(q), part(k), part(v), scale, mask));
  }
  return at::cat(sequences);
}

}  // namespace hone::model::composed
