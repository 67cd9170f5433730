// LayerNorm and activations in the types of training, against float64.
#include "tensor/layer_norm.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <cmath>

#include "error_of.h"
#include "tensor/activation.h"

namespace hone::tensor {
namespace {

double distance(const Tensor& a, const Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

/// A row far from zero, where the mean takes most of the digits.
TEST(LayerNorm, KeepsFp32StatisticsInEveryType) {
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    const Tensor x = (at::randn({33, 96}) * 3 + 20).to(type), dy = at::randn({33, 96}).to(type);
    for (const auto held : {type, at::kFloat}) {  // frozen and trained
      const Tensor weight = (at::randn({96}) + 1).to(type).to(held), bias = at::randn({96}).to(type).to(held);
      const auto wide = [](const Tensor& tensor) { return tensor.to(at::kDouble); };
      const LayerNormed mine = layer_norm(x, weight, bias, 1e-5);
      const LayerNormed exact = layer_norm(wide(x), wide(weight), wide(bias), 1e-5);
      EXPECT_EQ(mine.y.scalar_type(), type);
      EXPECT_EQ(mine.mean.scalar_type(), at::kFloat);
      EXPECT_LE(distance(mine.y, exact.y), type == at::kFloat ? 2e-5 : 4e-2);
      EXPECT_LE(distance(mine.mean, exact.mean), 2e-5);
      EXPECT_LE(distance(mine.rstd, exact.rstd), 2e-6);

      Tensor dx = dy.clone(), exact_dx = wide(dy).clone();
      const auto gradients = layer_norm_backward(dy, x, weight, bias, mine, dx, true);
      const auto exactly = layer_norm_backward(wide(dy), wide(x), wide(weight), wide(bias), exact, exact_dx, true);
      EXPECT_LE(distance(dx, exact_dx), type == at::kFloat ? 2e-5 : 4e-2);
      EXPECT_LE(distance(gradients.weight, exactly.weight), 2e-4);
      EXPECT_LE(distance(gradients.bias, exactly.bias), 2e-5);
      dx.zero_();
      EXPECT_FALSE(layer_norm_backward(dy, x, weight, bias, mine, dx, false).weight.defined());
    }
  }
}

TEST(Activation, IsNamedAsInConfigJson) {
  const Tensor x = at::randn({64}, at::TensorOptions().dtype(at::kDouble)) * 2;
  const auto value = [&](const char* name, auto formula) {
    const Tensor y = activate(x, activation_from_name(name, "config.json: hidden_act"));
    for (int64_t i = 0; i < x.numel(); ++i) {
      const double at = x[i].item<double>();
      EXPECT_NEAR(y[i].item<double>(), formula(at), 1e-12) << name << " of " << at;
    }
  };
  value("relu", [](double v) { return std::max(v, 0.0); });
  value("silu", [](double v) { return v / (1 + std::exp(-v)); });
  value("gelu", [](double v) { return v / 2 * (1 + std::erf(v / std::sqrt(2.0))); });
  value("gelu_new",
        [](double v) { return v / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (v + 0.044715 * v * v * v))); });
  const std::string message = error_of([] { activation_from_name("gelu_now", "config.json: hidden_act"); }).what();
  for (const char* word : {"config.json: hidden_act", "gelu_now", "did you mean", "gelu_new"}) {
    EXPECT_TRUE(contains(message, word)) << message;
  }
}

}  // namespace
}  // namespace hone::tensor
