// The 8-bit AdamW step: the maps, every kernel this processor can run against plain operators, and what is not a
// number. That it is bitsandbytes' step is tested in tests/parity/test_optim.py.
#include "tensor/adamw8bit.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <limits>

#include "tensor/device.h"

namespace hone::tensor {
namespace {

constexpr AdamW8bitOptions kOptions{.learning_rate = 1e-2, .weight_decay = 0.1};

struct Problem {
  explicit Problem(int64_t count) : value(at::randn({count})), moments(eight_bit_moments(count, c10::kCPU)) {}
  Tensor value;
  EightBitMoments moments;

  Problem copy() const {
    Problem other(0);
    other.value = value.clone();
    other.moments = {moments.first.clone(), moments.second.clone(), moments.first_scales.clone(),
                     moments.second_scales.clone()};
    return other;
  }
};

AdamW8bitOptions at_step(int64_t step) {
  AdamW8bitOptions options = kOptions;
  options.step = step;
  return options;
}

void expect_equal(const Problem& a, const Problem& b) {
  EXPECT_LE((a.value - b.value).abs().max().item<double>(), 5e-7);  // an ulp of the largest
  EXPECT_EQ(a.moments.first.ne(b.moments.first).sum().item<int64_t>(), 0);
  EXPECT_EQ(a.moments.second.ne(b.moments.second).sum().item<int64_t>(), 0);
  EXPECT_TRUE(at::equal(a.moments.first_scales, b.moments.first_scales));
  EXPECT_TRUE(at::equal(a.moments.second_scales, b.moments.second_scales));
}

TEST(DynamicMap, HasTheValuesOfThePaper) {
  const auto &both = dynamic_map(true), &plus = dynamic_map(false);
  EXPECT_EQ(std::count_if(both.begin(), both.end(), [](float x) { return x < 0; }), 127);
  EXPECT_FLOAT_EQ(both.front(), -0.99296875f);
  EXPECT_EQ(both[127], 0);
  EXPECT_FLOAT_EQ(both[128], 5.5e-7f);
  EXPECT_EQ(both.back(), 1);
  EXPECT_EQ(plus[0], 0);
  EXPECT_FLOAT_EQ(plus[1], 3.25e-7f);
  EXPECT_FLOAT_EQ(plus[254], 0.996484375f);
  EXPECT_EQ(plus.back(), 1);
}

TEST(AdamW8bit, KernelsEqualPlainOperators) {
  at::manual_seed(3);
  for (const int64_t count : {1, 256, 300, 70'000}) {
    Problem mine(count), plain = mine.copy();
    for (int64_t step = 1; step <= 5; ++step) {
      const Tensor gradient = at::randn({count}).mul(at::randn({count}).exp());
      adamw_8bit(mine.value, gradient, mine.moments, at_step(step));
      portable::adamw_8bit(plain.value, gradient, plain.moments, at_step(step));
    }
    expect_equal(mine, plain);
  }
}

TEST(AdamW8bit, ThreadsChangeNothing) {
  at::manual_seed(4);
  Problem one(200'001), two = one.copy();
  const Tensor gradient = at::randn({200'001});
  const int before = threads();
  set_threads(1);
  adamw_8bit(one.value, gradient, one.moments, at_step(1));
  set_threads(2);
  adamw_8bit(two.value, gradient, two.moments, at_step(1));
  set_threads(before);
  EXPECT_TRUE(at::equal(one.value, two.value));
  expect_equal(one, two);
}

TEST(AdamW8bit, AGradientThatIsNoNumberTouchesItsElementAlone) {
  at::manual_seed(5);
  for (const bool plain : {false, true}) {
    Problem clean(600);
    const Tensor gradient = at::randn({600});
    adamw_8bit(clean.value, gradient, clean.moments, at_step(1));  // so that the moments are not zero
    Problem spoilt = clean.copy();
    Tensor bad = gradient.clone(), none = gradient.clone();
    auto *b = bad.mutable_data_ptr<float>(), *n = none.mutable_data_ptr<float>();
    b[7] = std::numeric_limits<float>::quiet_NaN(), b[300] = std::numeric_limits<float>::infinity(), b[599] = -b[300];
    n[7] = n[300] = n[599] = 0;
    const Tensor before = spoilt.value.clone();
    const auto step = plain ? portable::adamw_8bit : adamw_8bit;
    step(spoilt.value, bad, spoilt.moments, at_step(2));
    step(clean.value, none, clean.moments, at_step(2));
    for (const int64_t i : {7, 300, 599}) {
      EXPECT_EQ(spoilt.value[i].item<float>(), before[i].item<float>());
      const float decoded = dynamic_map(true)[spoilt.moments.first[i].item<uint8_t>()];
      EXPECT_LE(std::abs(decoded), 2.2e-5f);  // what 0 is coded as
    }
    for (const int64_t i : {0, 8, 255, 299, 301, 598}) {
      EXPECT_EQ(spoilt.value[i].item<float>(), clean.value[i].item<float>());
    }
    EXPECT_TRUE(spoilt.value.isfinite().all().item<bool>());
    EXPECT_TRUE(spoilt.moments.second_scales.isfinite().all().item<bool>());
  }
}

TEST(AdamW8bit, WithoutAGradientNothingMoves) {
  Problem still(512);
  const Tensor before = still.value.clone();
  AdamW8bitOptions options = at_step(1);
  options.weight_decay = 0;
  adamw_8bit(still.value, at::zeros({512}), still.moments, options);
  EXPECT_TRUE(at::equal(still.value, before));
  EXPECT_EQ(still.moments.first_scales.abs().max().item<float>(), 0);
}

}  // namespace
}  // namespace hone::tensor
