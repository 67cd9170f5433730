// Every backward of tensor/ops.h and of attention against finite differences, in float64.
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <array>

#include "finite_differences.h"
#include "tensor/activation.h"
#include "tensor/attention.h"
#include "tensor/layer_norm.h"
#include "tensor/ops.h"

namespace hone::tensor {
namespace {

Tensor random(std::vector<int64_t> shape) {
  return at::randn(shape, at::TensorOptions().dtype(at::kDouble));
}

/// A number that depends on every element of `y`: `dy` is its gradient.
double weighed(const Tensor& y, const Tensor& dy) {
  return (y * dy).sum().item<double>();
}

TEST(Gradients, RmsNorm) {
  const Tensor x = random({5, 7}), weight = random({7}), dy = random({5, 7});
  const auto value = [&] { return weighed(rms_norm(x, weight, 1e-2).first, dy); };
  const Tensor before = random({5, 7});
  Tensor dx = before.clone();
  const Tensor dweight = rms_norm_backward(dy, x, weight, rms_norm(x, weight, 1e-2).second, dx, true);
  expect_gradient(dx - before, x, value, "x");
  expect_gradient(dweight, weight, value, "weight");
}

TEST(Gradients, LayerNorm) {
  const Tensor x = random({5, 7}), weight = random({7}), bias = random({7}), dy = random({5, 7});
  const auto value = [&] { return weighed(layer_norm(x, weight, bias, 1e-2).y, dy); };
  const Tensor before = random({5, 7});
  Tensor dx = before.clone();
  const auto gradients = layer_norm_backward(dy, x, weight, bias, layer_norm(x, weight, bias, 1e-2), dx, true);
  expect_gradient(dx - before, x, value, "x");
  expect_gradient(gradients.weight, weight, value, "weight");
  expect_gradient(gradients.bias, bias, value, "bias");
}

TEST(Gradients, Activations) {
  // None of the inputs lies where ReLU has no derivative.
  const Tensor x = random({6, 9}) * 3, dy = random({6, 9});
  for (const auto activation : {Activation::kSilu, Activation::kGelu, Activation::kGeluTanh, Activation::kRelu}) {
    const auto value = [&] { return weighed(activate(x, activation), dy); };
    expect_gradient(activate_backward(dy, x, activation), x, value,
                    "activation " + std::to_string(static_cast<int>(activation)));
  }
}

TEST(Gradients, Rope) {
  const Tensor angles = random({9, 4}), positions = at::randint(9, {6}, at::kLong), dy = random({6, 3, 8});
  const Tensor cos = angles.cos(), sin = angles.sin(), x = random({6, 3, 8});
  const auto value = [&] {
    Tensor y = x.clone();
    rope(y, positions, cos, sin, false);
    return weighed(y, dy);
  };
  Tensor dx = dy.clone();
  rope(dx, positions, cos, sin, true);
  expect_gradient(dx, x, value, "x");
}

TEST(Gradients, SiluMul) {
  const Tensor gate = random({4, 9}) * 3, up = random({4, 9}), dy = random({4, 9});
  const auto value = [&] { return weighed(silu_mul(gate, up), dy); };
  Tensor dgate = gate.clone(), dup = up.clone();
  silu_mul_backward(dy, dgate, dup);
  expect_gradient(dgate, gate, value, "gate");
  expect_gradient(dup, up, value, "up");
}

TEST(Gradients, DropoutOfTheGradient) {
  const Tensor x = random({6, 50}), dy = random({6, 50});
  const DropoutKey key{11, 12};
  const auto value = [&] { return weighed(dropout(x, 0.3, key), dy); };
  expect_gradient(dropout(dy, 0.3, key), x, value, "x");
}

TEST(Gradients, CrossEntropy) {
  const Tensor logits = random({6, 11}) * 3, targets = at::randint(11, {6}, at::kLong), scale = random({6});
  const auto value = [&] {
    Tensor copy = logits.clone();
    return weighed(cross_entropy(copy, targets, Tensor()).first, scale);
  };
  Tensor gradient = logits.clone();
  cross_entropy(gradient, targets, scale);
  expect_gradient(gradient, logits, value, "logits");
}

TEST(Gradients, Attention) {
  // Three sequences side by side, one of a single token; three query heads share a key/value head.
  const std::array<int64_t, 4> cu_seqlens{0, 5, 6, 13};
  const Tensor q = random({13, 6, 4}), k = random({13, 2, 4}), v = random({13, 2, 4}), dy = random({13, 6, 4});
  for (const auto mask : {AttentionMask::kCausal, AttentionMask::kNone}) {
    const auto value = [&] { return weighed(attention(q, k, v, cu_seqlens, 0.6, nullptr, mask), dy); };
    AttentionSaved saved;
    const Tensor out = attention(q, k, v, cu_seqlens, 0.6, &saved, mask);
    Tensor dq = at::empty_like(q), dk = at::empty_like(k), dv = at::empty_like(v);
    attention_backward(dy, q, k, v, out, saved, cu_seqlens, 0.6, dq, dk, dv, mask);
    expect_gradient(dq, q, value, "q");
    expect_gradient(dk, k, value, "k");
    expect_gradient(dv, v, value, "v");
  }
}

}  // namespace
}  // namespace hone::tensor
