#include "tensor/ops.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "tensor/cpu/operands.h"
#include "tensor/cuda/ops.h"
#include "tensor/device.h"
#include "tensor/parallel.h"

namespace hone::tensor {
namespace {

constexpr int64_t kRows = 16;        // rows a thread takes at a time
constexpr int64_t kElements = 8192;  // elements a thread takes at a time; a multiple of 128 (see dropout)

}  // namespace

std::pair<Tensor, Tensor> rms_norm(const Tensor& x, const Tensor& weight, double eps) {
  const bool one_type = weight.scalar_type() == x.scalar_type();
  if (one_type && gpu::serves(x)) return gpu::rms_norm(x, weight, eps);
  if (!one_type || !has_kernel(x)) return portable::rms_norm(x, weight, eps);
  const int64_t rows = x.size(0), cols = x.size(1);
  Tensor y = at::empty_like(x), rstd = at::empty({rows}, x.options().dtype(at::kFloat));
  const void *in = x.const_data_ptr(), *w = weight.const_data_ptr();
  void* out = y.mutable_data_ptr();
  auto* r = rstd.mutable_data_ptr<float>();
  parallel_rows(rows, kRows, [&](int64_t begin, int64_t end) {
    cpu::kernels().rms_norm(type_of(x), in, w, static_cast<float>(eps), cols, out, r, begin, end);
  });
  return {y, rstd};
}

Tensor rms_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& weight, const Tensor& rstd, Tensor& dx,
                         bool want_weight) {
  const bool one_type = weight.scalar_type() == x.scalar_type();
  if (one_type && gpu::serves(x) && gpu::serves(dy) && gpu::serves(dx)) {
    return gpu::rms_norm_backward(dy, x, weight, rstd, dx, want_weight);
  }
  if (!one_type || !has_kernel(x) || !has_kernel(dy) || !has_kernel(dx)) {
    return portable::rms_norm_backward(dy, x, weight, rstd, dx, want_weight);
  }
  const int64_t rows = x.size(0), cols = x.size(1);
  // A fixed number of partial sums, whatever the number of threads, so that the result is the same.
  constexpr int64_t kParts = 16;
  const int64_t grain = (rows + kParts - 1) / kParts;
  Tensor partial;
  float* sums = nullptr;
  if (want_weight) {
    partial = at::zeros({kParts, cols}, x.options().dtype(at::kFloat));
    sums = partial.mutable_data_ptr<float>();
  }
  const void *g = dy.const_data_ptr(), *in = x.const_data_ptr(), *w = weight.const_data_ptr();
  const auto* r = rstd.const_data_ptr<float>();
  void* out = dx.mutable_data_ptr();
  parallel_rows(rows, grain, [&](int64_t begin, int64_t end) {
    float* sum = sums == nullptr ? nullptr : sums + begin / grain * cols;
    cpu::kernels().rms_norm_backward(type_of(x), g, in, w, r, cols, out, sum, begin, end);
  });
  return want_weight ? partial.sum(0) : Tensor();
}

void rope(Tensor& x, const Tensor& positions, const Tensor& cos, const Tensor& sin, bool backward) {
  const bool rows_are_dense = x.dim() == 3 && x.stride(2) == 1 && x.stride(1) == x.size(2);
  if (rows_are_dense && gpu::serves_strided(x)) return gpu::rope(x, positions, cos, sin, backward);
  const bool has_type = x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16;
  if (!x.is_cpu() || !rows_are_dense || !has_type || only_portable()) {
    return portable::rope(x, positions, cos, sin, backward);
  }
  void* data = x.mutable_data_ptr();
  const auto* at = positions.const_data_ptr<int64_t>();
  const auto *c = cos.const_data_ptr<float>(), *s = sin.const_data_ptr<float>();
  parallel_rows(x.size(0), kRows, [&](int64_t begin, int64_t end) {
    cpu::kernels().rope(type_of(x), data, at, c, s, x.size(1), x.size(2), x.stride(0), backward ? -1.0f : 1.0f, begin,
                        end);
  });
}

Tensor silu_mul(const Tensor& gate, const Tensor& up) {
  if (gpu::serves(gate) && gpu::serves(up)) return gpu::silu_mul(gate, up);
  if (!has_kernel(gate) || !has_kernel(up)) return portable::silu_mul(gate, up);
  Tensor out = at::empty_like(gate);
  const void *g = gate.const_data_ptr(), *u = up.const_data_ptr();
  void* to = out.mutable_data_ptr();
  // Row by row: which elements fall behind the last whole vector must not depend on the number of rows.
  const int64_t cols = gate.size(-1);
  if (cols == 0) return out;
  parallel_rows(gate.numel() / cols, std::max<int64_t>(1, kElements / cols), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      cpu::kernels().silu_mul(type_of(gate), g, u, to, row * cols, (row + 1) * cols);
    }
  });
  return out;
}

void silu_mul_backward(const Tensor& dout, Tensor& gate, Tensor& up) {
  if (gpu::serves(gate) && gpu::serves(up) && gpu::serves(dout)) return gpu::silu_mul_backward(dout, gate, up);
  if (!has_kernel(gate) || !has_kernel(up) || !has_kernel(dout)) return portable::silu_mul_backward(dout, gate, up);
  const void* d = dout.const_data_ptr();
  void *g = gate.mutable_data_ptr(), *u = up.mutable_data_ptr();
  parallel_rows(gate.numel(), kElements, [&](int64_t begin, int64_t end) {
    cpu::kernels().silu_mul_backward(type_of(gate), d, g, u, begin, end);
  });
}

Tensor dropout(const Tensor& x, double p, DropoutKey key) {
  const auto threshold = static_cast<uint32_t>(std::lround(p * 65536));
  if (threshold == 0) return x;
  const float scale = 65536.0f / static_cast<float>(65536 - threshold);
  if (gpu::serves(x)) return gpu::dropout(x, threshold, scale, key);
  if (!has_kernel(x)) return portable::dropout(x, p, key);
  Tensor out = at::empty_like(x);
  const void* from = x.const_data_ptr();
  void* to = out.mutable_data_ptr();
  parallel_rows(x.numel(), kElements, [&](int64_t begin, int64_t end) {
    cpu::kernels().dropout(type_of(x), from, to, key.key, key.stream, threshold, scale, begin, end);
  });
  return out;
}

Tensor uniform_noise(const Tensor& x, std::span<const int64_t> cu_seqlens, std::span<const double> bounds,
                     DropoutKey key) {
  std::vector<float> by_row(static_cast<size_t>(x.size(0)), 0.0f);
  for (size_t i = 0; i < bounds.size(); ++i) {
    std::fill(by_row.begin() + cu_seqlens[i], by_row.begin() + cu_seqlens[i + 1], static_cast<float>(bounds[i]));
  }
  if (!has_kernel(x)) return portable::uniform_noise(x, by_row, key);
  Tensor out = at::empty_like(x);
  void* to = out.mutable_data_ptr();
  parallel_rows(x.size(0), kRows, [&](int64_t begin, int64_t end) {
    cpu::kernels().uniform(type_of(x), to, key.key, key.stream, by_row.data(), x.size(1), begin, end);
  });
  return out;
}

std::pair<Tensor, Tensor> cross_entropy(Tensor& logits, const Tensor& targets, const Tensor& row_scale) {
  if (gpu::serves(logits)) return gpu::cross_entropy(logits, targets, row_scale);
  if (!has_kernel(logits)) return portable::cross_entropy(logits, targets, row_scale);
  const int64_t rows = logits.size(0), cols = logits.size(1);
  Tensor losses = at::empty({rows}, logits.options().dtype(at::kFloat));
  Tensor correct = at::empty({rows}, logits.options().dtype(at::kBool));
  void* data = logits.mutable_data_ptr();
  const auto* target = targets.const_data_ptr<int64_t>();
  const float* scale = row_scale.defined() ? row_scale.const_data_ptr<float>() : nullptr;
  auto* loss = losses.mutable_data_ptr<float>();
  auto* right = reinterpret_cast<uint8_t*>(correct.mutable_data_ptr<bool>());
  parallel_rows(rows, 4, [&](int64_t begin, int64_t end) {
    cpu::kernels().cross_entropy(type_of(logits), data, target, scale, cols, loss, right, begin, end);
  });
  return {losses, correct};
}

}  // namespace hone::tensor
