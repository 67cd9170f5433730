// Uniform noise: every kernel draws what Philox says, within its bounds, evenly.
#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "tensor/cpu/kernels.h"
#include "tensor/device.h"
#include "tensor/ops.h"

namespace hone::tensor {
namespace {

constexpr DropoutKey kKey{.key = 0x1234567890abcdef, .stream = 77};

TEST(UniformNoise, EveryKernelDrawsWhatPhiloxSays) {
  const std::vector<float> bounds = {0.5f, 0.5f, 2.0f, 0.0f, 1.0f};
  for (const int64_t cols : {1, 64, 100, 576}) {
    const Tensor like = at::zeros({5, cols});
    const Tensor expected = portable::uniform_noise(like, bounds, kKey);
    for (const char* name : {"portable", "avx2", "avx512"}) {
      const cpu::Kernels* kernels = cpu::kernels_named(name);
      if (kernels == nullptr) continue;
      Tensor drawn = at::zeros({5, cols});
      kernels->uniform(cpu::Type::kFloat32, drawn.mutable_data_ptr(), kKey.key, kKey.stream, bounds.data(), cols, 0, 5);
      EXPECT_TRUE(at::equal(drawn, expected)) << name << " " << cols;
    }
  }
}

TEST(UniformNoise, IsEvenWithinTheBoundOfEachSequence) {
  const Tensor like = at::zeros({2000, 64});
  const std::vector<int64_t> starts = {0, 1200, 1900};
  const std::vector<double> bounds = {0.25, 3.0};
  const Tensor noise = uniform_noise(like, starts, bounds, kKey);
  for (size_t i = 0; i < bounds.size(); ++i) {
    const Tensor part = noise.narrow(0, starts[i], starts[i + 1] - starts[i]).to(at::kDouble);
    const auto count = static_cast<double>(part.numel());
    EXPECT_LE(part.abs().max().item<double>(), bounds[i]);
    EXPECT_GT(part.abs().max().item<double>(), 0.999 * bounds[i]);
    const double deviation = bounds[i] / std::sqrt(3.0);  // of a uniform draw
    EXPECT_LE(std::abs(part.mean().item<double>()), 4 * deviation / std::sqrt(count));
    EXPECT_NEAR(part.pow(2).mean().item<double>() / (deviation * deviation), 1, 0.03);
  }
  EXPECT_EQ(noise.narrow(0, 1900, 100).abs().max().item<double>(), 0);
  EXPECT_FALSE(at::equal(noise, uniform_noise(like, starts, bounds, {kKey.key + 1, kKey.stream})));
}

}  // namespace
}  // namespace hone::tensor
