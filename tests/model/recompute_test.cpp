#include "model/recompute.h"

#include <gtest/gtest.h>

#include "model/small_model.h"

namespace hone::model {
namespace {

Tensor leaf(const std::vector<int64_t>& shape) {
  return random_tensor(shape, at::kDouble).set_requires_grad(true);
}

TEST(Recomputed, RunsOnceWithoutAndOnceWithGradients) {
  const Tensor x = leaf({3, 4}), weight = leaf({4});
  std::vector<bool> grad_modes;
  const Tensor y = recomputed(x, {weight}, [&](const Tensor& in) {
    grad_modes.push_back(at::GradMode::is_enabled());
    return (in * weight).sin();
  });
  EXPECT_EQ(grad_modes, std::vector<bool>{false});
  y.sum().backward();
  EXPECT_EQ(grad_modes, (std::vector<bool>{false, true}));
  const Tensor slope = (x * weight).cos().detach();
  expect_equal(x.grad(), slope * weight, 1e-14, "x");
  expect_equal(weight.grad(), (slope * x).sum(0), 1e-14, "weight");
}

TEST(Recomputed, OneInsideAnother) {
  const Tensor x = leaf({5}), weight = leaf({5});
  const auto inner = [&](const Tensor& in) { return (in * weight).sin(); };
  const Tensor y = recomputed(
      x, {weight}, [&](const Tensor& in) { return recomputed(in, {weight}, inner) + recomputed(in, {weight}, inner); });
  y.sum().backward();
  expect_equal(weight.grad(), (x * weight).cos() * x * 2, 1e-14, "weight");
}

TEST(Recomputed, GoesOnThroughTensorsThatOthersMade) {
  // Neither x nor the parameter is a leaf: their own histories get the gradients.
  const Tensor source = leaf({4}), scale = leaf({4});
  const Tensor x = source * 3, parameter = scale.exp();
  const Tensor y = recomputed(x, {parameter}, [&](const Tensor& in) { return in * parameter; });
  y.sum().backward();
  expect_equal(source.grad(), parameter * 3, 1e-14, "source");
  expect_equal(scale.grad(), x * parameter, 1e-14, "scale");
}

TEST(Recomputed, AParameterMadeFromTheInputCountsOnce) {
  const Tensor x = leaf({4}), parameter = x * 2;
  recomputed(x, {parameter}, [&](const Tensor& in) { return in * parameter; }).sum().backward();
  expect_equal(x.grad(), x * 4, 1e-14, "x");
}

TEST(Recomputed, LeavesWhatNeedsNoGradientAlone) {
  const Tensor frozen = random_tensor({4}, at::kDouble), weight = leaf({4}), unused = leaf({4});
  const auto forward = [&](const Tensor& in) { return in * weight; };
  recomputed(frozen, {weight, unused}, forward).sum().backward();
  expect_equal(weight.grad(), frozen, 0, "weight");
  EXPECT_FALSE(unused.grad().defined());
  EXPECT_FALSE(frozen.grad().defined());
  EXPECT_FALSE(recomputed(frozen, {}, [](const Tensor& in) { return in * 2; }).requires_grad());
  const at::NoGradGuard no_grad;
  EXPECT_FALSE(recomputed(frozen, {weight}, forward).requires_grad());
}

}  // namespace
}  // namespace hone::model
