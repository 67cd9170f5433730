// The CPU kernels, each variant this processor can run, against the portable operators; dropout's
// numbers against Philox itself; gradients against finite differences in double.
#include "tensor/ops.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <set>

#include "tensor/cpu/kernels.h"

namespace hone::tensor {
namespace {

Tensor random(std::vector<int64_t> shape, at::ScalarType type) {
  return at::randn(shape).to(type);
}

/// Error allowed between two computations in `type`: a few units in the last place of values around `scale`.
double tolerance(at::ScalarType type, double scale) {
  return scale * (type == at::kFloat ? 2e-6 : 1.6e-2);
}

void expect_close(const Tensor& a, const Tensor& b, double bound, const char* what) {
  ASSERT_EQ(a.sizes(), b.sizes()) << what;
  EXPECT_LE((a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>(), bound) << what;
}

class Ops : public testing::TestWithParam<at::ScalarType> {};

TEST_P(Ops, RmsNormEqualsPortable) {
  for (const int64_t cols : {1, 7, 64, 577}) {
    const Tensor x = random({33, cols}, GetParam()), weight = random({cols}, GetParam());
    const auto [y, rstd] = rms_norm(x, weight, 1e-5);
    const auto [expected, expected_rstd] = portable::rms_norm(x, weight, 1e-5);
    expect_close(y, expected, tolerance(GetParam(), 16), "y");
    expect_close(rstd, expected_rstd, 1e-4, "rstd");
  }
}

TEST_P(Ops, RmsNormBackwardEqualsPortable) {
  const Tensor x = random({70, 96}, GetParam()), weight = random({96}, GetParam()), dy = random({70, 96}, GetParam());
  const Tensor rstd = portable::rms_norm(x, weight, 1e-5).second;
  Tensor dx = random({70, 96}, GetParam()), expected_dx = dx.clone();
  const Tensor dweight = rms_norm_backward(dy, x, weight, rstd, dx, true);
  const Tensor expected = portable::rms_norm_backward(dy, x, weight, rstd, expected_dx, true);
  expect_close(dx, expected_dx, tolerance(GetParam(), 16), "dx");
  expect_close(dweight, expected, 2e-4, "dweight");
}

TEST_P(Ops, RopeEqualsPortableAndTurnsBack) {
  const Tensor angles = at::randn({50, 16});
  const Tensor cos = angles.cos(), sin = angles.sin(), positions = at::randint(50, {41}, at::kLong);
  Tensor x = random({41, 3, 32}, GetParam());
  const Tensor original = x.clone();
  Tensor expected = x.clone();
  rope(x, positions, cos, sin, false);
  portable::rope(expected, positions, cos, sin, false);
  expect_close(x, expected, tolerance(GetParam(), 4), "rotated");
  rope(x, positions, cos, sin, true);
  expect_close(x, original, tolerance(GetParam(), 8), "turned back");
}

TEST_P(Ops, SiluMulEqualsPortable) {
  // 8,192 elements are one thread's share; the odd length leaves a tail.
  const Tensor gate = random({3, 5557}, GetParam()) * 8, up = random({3, 5557}, GetParam());
  expect_close(silu_mul(gate, up), portable::silu_mul(gate, up), tolerance(GetParam(), 64), "forward");
  const Tensor dout = random({3, 5557}, GetParam());
  Tensor g = gate.clone(), u = up.clone(), expected_g = gate.clone(), expected_u = up.clone();
  silu_mul_backward(dout, g, u);
  portable::silu_mul_backward(dout, expected_g, expected_u);
  expect_close(g, expected_g, tolerance(GetParam(), 64), "d gate");
  expect_close(u, expected_u, tolerance(GetParam(), 64), "d up");
}

TEST_P(Ops, CrossEntropyEqualsPortable) {
  const Tensor logits = random({19, 1003}, GetParam()) * 5, targets = at::randint(1003, {19}, at::kLong);
  const Tensor scale = at::randn({19});
  Tensor mine = logits.clone(), expected = logits.clone();
  const auto [losses, correct] = cross_entropy(mine, targets, scale);
  const auto [expected_losses, expected_correct] = portable::cross_entropy(expected, targets, scale);
  expect_close(losses, expected_losses, 1e-4, "losses");
  EXPECT_TRUE(correct.equal(expected_correct));
  expect_close(mine, expected, tolerance(GetParam(), 4), "gradient");
  Tensor untouched = logits.clone();
  cross_entropy(untouched, targets, Tensor());
  EXPECT_TRUE(untouched.equal(logits)) << "without a scale the logits stay";
}

TEST_P(Ops, DropoutDrawsTheSameNumbersEverywhere) {
  const Tensor x = random({7, 1237}, GetParam());
  const DropoutKey key{0x123456789abcdefULL, 77};
  EXPECT_TRUE(dropout(x, 0.25, key).equal(portable::dropout(x, 0.25, key)));
  EXPECT_FALSE(dropout(x, 0.25, key).equal(dropout(x, 0.25, {key.key, 78})));
}

INSTANTIATE_TEST_SUITE_P(Types, Ops, testing::Values(at::kFloat, at::kBFloat16));

TEST(Dropout, KeepsTheShareAndTheMean) {
  const Tensor x = at::ones({400, 1000});
  const Tensor y = dropout(x, 0.1, {5, 6});
  const double kept = y.ne(0).to(at::kDouble).mean().item<double>();
  EXPECT_NEAR(kept, 0.9, 0.0015);  // five standard deviations of 400,000 draws
  EXPECT_NEAR(y.to(at::kDouble).mean().item<double>(), 1.0, 0.002);
  EXPECT_TRUE(dropout(x, 0.0, {5, 6}).equal(x));
}

TEST(Kernels, EveryVariantGivesTheSameDropout) {
  std::vector<float> x(1000, 1.0f), first(1000);
  cpu::kernels_named("portable")->dropout(cpu::Type::kFloat32, x.data(), first.data(), 9, 4, 20000, 2.0f, 0, 1000);
  for (const char* name : {"avx2", "avx512"}) {
    const cpu::Kernels* kernels = cpu::kernels_named(name);
    if (kernels == nullptr) continue;
    std::vector<float> other(1000);
    kernels->dropout(cpu::Type::kFloat32, x.data(), other.data(), 9, 4, 20000, 2.0f, 0, 1000);
    EXPECT_EQ(first, other) << name;
  }
}

TEST(CrossEntropy, GradientEqualsFiniteDifferences) {
  const Tensor logits = at::randn({3, 11}, at::kDouble), targets = at::randint(11, {3}, at::kLong);
  Tensor gradient = logits.to(at::kFloat);
  cross_entropy(gradient, targets, at::ones({3}));
  const double step = 1e-5;
  const auto loss = [&](const Tensor& l) {
    return (l.logsumexp({1}) - l.gather(1, targets.unsqueeze(1)).squeeze(1)).sum().item<double>();
  };
  for (int64_t i = 0; i < logits.numel(); ++i) {
    Tensor more = logits.clone(), less = logits.clone();
    more.view({-1}).data_ptr<double>()[i] += step;
    less.view({-1}).data_ptr<double>()[i] -= step;
    EXPECT_NEAR(gradient.view({-1}).data_ptr<float>()[i], (loss(more) - loss(less)) / (2 * step), 1e-5);
  }
}

TEST(EvenRows, FewSizesLittleWaste) {
  std::set<int64_t> sizes;
  for (int64_t rows = 0; rows <= 4096; ++rows) {
    const int64_t even = even_rows(rows);
    EXPECT_GE(even, rows);
    EXPECT_LE(static_cast<double>(even - rows), 0.032 * static_cast<double>(rows));
    EXPECT_EQ(even_rows(even), even);
    if (rows > 2048) sizes.insert(even);
  }
  EXPECT_EQ(sizes.size(), 32u);
}

TEST(Extremes, LogitsOfAnySizeGiveFiniteLosses) {
  Tensor logits = at::full({2, 4}, -1e30);
  logits.select(1, 1).fill_(1e30);
  const Tensor targets = at::ones({2}, at::kLong);
  const auto [losses, correct] = cross_entropy(logits, targets, at::ones({2}));
  EXPECT_EQ(losses.abs().max().item<float>(), 0.0f);
  EXPECT_TRUE(logits.isfinite().all().item<bool>());
}

}  // namespace
}  // namespace hone::tensor
