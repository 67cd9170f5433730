// The fused operators from plain libtorch operators: what runs where there is no kernel, and what the
// kernels are tested against. Sums are in sum_type: fp32 as in the kernels, float64 for float64.
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sigmoid.h>

#include <cmath>
#include <vector>

#include "base/random.h"
#include "tensor/ops.h"

namespace hone::tensor::portable {

std::pair<Tensor, Tensor> rms_norm(const Tensor& x, const Tensor& weight, double eps) {
  const Tensor wide = x.to(sum_type(x));
  const Tensor rstd = at::rsqrt(wide.pow(2).mean(-1) + eps);
  return {(wide * rstd.unsqueeze(-1)).to(x.scalar_type()) * weight, rstd};
}

Tensor rms_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& weight, const Tensor& rstd, Tensor& dx,
                         bool want_weight) {
  const at::ScalarType wide = sum_type(x);
  const Tensor normed = x.to(wide) * rstd.unsqueeze(-1), g = dy.to(wide);
  const Tensor scaled = g * weight.to(wide);
  const Tensor gradient = (scaled - normed * (scaled * normed).mean(-1, true)) * rstd.unsqueeze(-1);
  dx.add_(gradient.to(dx.scalar_type()));
  return want_weight ? (g * normed).sum(0) : Tensor();
}

void rope(Tensor& x, const Tensor& positions, const Tensor& cos, const Tensor& sin, bool backward) {
  const int64_t half = x.size(2) / 2;
  const Tensor c = cos.index_select(0, positions).unsqueeze(1);
  const Tensor s = sin.index_select(0, positions).unsqueeze(1) * (backward ? -1 : 1);
  const Tensor first = x.narrow(2, 0, half).to(sum_type(x)), second = x.narrow(2, half, half).to(sum_type(x));
  x.copy_(at::cat({Tensor(first * c - second * s), Tensor(second * c + first * s)}, 2));
}

Tensor silu_mul(const Tensor& gate, const Tensor& up) {
  const Tensor g = gate.to(sum_type(gate));
  return (g * at::sigmoid(g) * up.to(sum_type(gate))).to(gate.scalar_type());
}

void silu_mul_backward(const Tensor& dout, Tensor& gate, Tensor& up) {
  const at::ScalarType wide = sum_type(gate);
  const Tensor d = dout.to(wide), g = gate.to(wide), u = up.to(wide), s = at::sigmoid(g);
  const Tensor dup = d * g * s;  // before gate changes: g may be gate itself
  gate.copy_(d * u * s * (1 + g * (1 - s)));
  up.copy_(dup);
}

Tensor dropout(const Tensor& x, double p, DropoutKey key) {
  const auto threshold = static_cast<uint32_t>(std::lround(p * 65536));
  Tensor keep = at::empty({x.numel()}, at::TensorOptions().dtype(at::kFloat));
  auto* kept = keep.mutable_data_ptr<float>();
  const float scale = 65536.0f / static_cast<float>(65536 - threshold);
  for (int64_t i = 0; i < x.numel(); ++i) {
    const int64_t word = i % 128 / 32, lane = i % 32 / 2;
    const uint64_t counter = static_cast<uint64_t>(i / 128 * 16 + lane);
    const auto words = philox({static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32),
                               static_cast<uint32_t>(key.stream), static_cast<uint32_t>(key.stream >> 32)},
                              {static_cast<uint32_t>(key.key), static_cast<uint32_t>(key.key >> 32)});
    const uint32_t draw =
        i % 2 == 0 ? words[static_cast<size_t>(word)] & 0xFFFF : words[static_cast<size_t>(word)] >> 16;
    kept[i] = draw >= threshold ? scale : 0.0f;
  }
  return (x.to(sum_type(x)) * keep.view(x.sizes()).to(x.device())).to(x.scalar_type());
}

Tensor uniform_noise(const Tensor& x, const std::vector<float>& bounds, DropoutKey key) {
  const int64_t rows = x.size(0), cols = x.size(1), blocks = (cols + 63) / 64;
  Tensor noise = at::empty({rows, cols}, at::TensorOptions().dtype(at::kFloat));
  auto* to = noise.mutable_data_ptr<float>();
  for (int64_t i = 0; i < rows * cols; ++i) {
    const int64_t row = i / cols, place = i % cols % 64;
    const auto counter = static_cast<uint64_t>((row * blocks + i % cols / 64) * 16 + place % 16);
    const auto words = philox({static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32),
                               static_cast<uint32_t>(key.stream), static_cast<uint32_t>(key.stream >> 32)},
                              {static_cast<uint32_t>(key.key), static_cast<uint32_t>(key.key >> 32)});
    const auto whole = static_cast<float>(words[static_cast<size_t>(place / 16)] >> 8);
    to[i] = bounds[static_cast<size_t>(row)] * (whole * 0x1p-23f - 1.0f);
  }
  return noise.to(x.device(), x.scalar_type());
}

std::pair<Tensor, Tensor> cross_entropy(Tensor& logits, const Tensor& targets, const Tensor& row_scale) {
  const Tensor wide = logits.to(sum_type(logits));
  const Tensor log_sum = at::logsumexp(wide, {1});
  const Tensor column = targets.unsqueeze(1);
  const Tensor losses = log_sum - wide.gather(1, column).squeeze(1);
  const Tensor correct = wide.argmax(1).eq(targets);
  if (row_scale.defined()) {
    Tensor gradient = at::exp(wide - log_sum.unsqueeze(1));
    gradient.scatter_add_(1, column, at::empty({targets.size(0), 1}, wide.options()).fill_(-1));
    logits.copy_(gradient * row_scale.unsqueeze(1));
  }
  return {losses, correct};
}

}  // namespace hone::tensor::portable
