// The GPU's kernels against the portable operators on the CPU, in all types and with lengths that no vector divides.
// Whether the library opens is tested everywhere it is built, the rest where there is a GPU.
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tensor/attention.h"
#include "tensor/cuda/library.h"
#include "tensor/cuda/ops.h"
#include "tensor/gpu.h"
#include "tensor/ops.h"

namespace hone::tensor {
namespace {

TEST(CudaLibrary, OpensWithoutAGpuAndHoldsEveryKernel) {
#ifndef HONE_CUDA_BUILT
  EXPECT_EQ(hone::cuda::kernels(), nullptr);
  EXPECT_NE(hone::cuda::kernels_failure().find("libhone_cuda.so"), std::string::npos);
  GTEST_SKIP() << "built without a CUDA toolkit";
#else
  const hone::cuda::Kernels* kernels = hone::cuda::kernels();
  ASSERT_NE(kernels, nullptr) << hone::cuda::kernels_failure();
  EXPECT_TRUE(kernels->rms_norm && kernels->rms_norm_backward && kernels->rms_norm_weight_gradient && kernels->rope &&
              kernels->silu_mul && kernels->silu_mul_backward && kernels->dropout && kernels->cross_entropy &&
              kernels->device_name);
  EXPECT_STREQ(kernels->error_text(2), "out of memory");
#endif
}

TEST(CudaDevice, SaysWhyItCannotBeUsed) {
  const std::string why = why_no_gpu();
  if (why.empty()) {
    EXPECT_TRUE(device_from_name("cuda").has_index());
    EXPECT_NE(processor_summary(device_from_name("cuda")).find("cuda:0"), std::string::npos);
    EXPECT_THROW(device_from_name("cuda:99"), Error);
  } else {
    EXPECT_NE(why.find("device: cpu"), std::string::npos) << why;
    EXPECT_TRUE(device_from_name("auto").is_cpu());
  }
}

const c10::Device kGpu(c10::kCUDA, 0);

class Gpu : public testing::TestWithParam<at::ScalarType> {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_GPU();
    if (hone::cuda::kernels() == nullptr) GTEST_SKIP() << hone::cuda::kernels_failure();
  }
  static Tensor random(const std::vector<int64_t>& shape) { return at::randn(shape).to(GetParam()); }
  /// A few units in the last place of values around `scale`.
  static double bound(double scale) {
    return scale * (GetParam() == at::kFloat ? 4e-6 : GetParam() == at::kHalf ? 2e-3 : 1.6e-2);
  }
};

void expect_close(const Tensor& got, const Tensor& expected, double bound, const char* what) {
  ASSERT_EQ(got.sizes(), expected.sizes()) << what;
  EXPECT_LE((got.cpu().to(at::kDouble) - expected.to(at::kDouble)).abs().max().item<double>(), bound) << what;
}

TEST_P(Gpu, RmsNorm) {
  for (const int64_t cols : {1, 7, 64, 577, 2048, 8192}) {
    SCOPED_TRACE(cols);
    const Tensor x = random({133, cols}), weight = random({cols}), dy = random({133, cols});
    const Tensor on_gpu = x.to(kGpu), weight_on_gpu = weight.to(kGpu), dy_on_gpu = dy.to(kGpu);
    ASSERT_TRUE(gpu::serves(on_gpu));
    const auto [y, rstd] = rms_norm(on_gpu, weight_on_gpu, 1e-5);
    const auto [expected, expected_rstd] = portable::rms_norm(x, weight, 1e-5);
    expect_close(y, expected, bound(16), "y");
    expect_close(rstd, expected_rstd, 1e-4, "rstd");
    Tensor expected_dx = random({133, cols}), dx = expected_dx.to(kGpu), again = dx.clone();
    const Tensor dweight = rms_norm_backward(dy_on_gpu, on_gpu, weight_on_gpu, rstd, dx, true);
    const Tensor expected_dweight = portable::rms_norm_backward(dy, x, weight, expected_rstd, expected_dx, true);
    expect_close(dx, expected_dx, bound(16), "dx");
    expect_close(dweight, expected_dweight, 3e-4, "dweight");
    EXPECT_TRUE(rms_norm_backward(dy_on_gpu, on_gpu, weight_on_gpu, rstd, again, true).equal(dweight)) << "repeats";
  }
}

TEST_P(Gpu, Rope) {
  for (const int64_t dim : {6, 32, 128}) {
    const Tensor angles = at::randn({50, dim / 2});
    const Tensor cos = angles.cos(), sin = angles.sin(), positions = at::randint(50, {41}, at::kLong);
    // Heads of a wider row, as q lies in a joint projection.
    Tensor expected = random({41, 5, dim}), wide = expected.to(kGpu);
    Tensor part = wide.narrow(1, 1, 3), expected_part = expected.narrow(1, 1, 3);
    for (const bool backward : {false, true}) {
      rope(part, positions.to(kGpu), cos.to(kGpu), sin.to(kGpu), backward);
      portable::rope(expected_part, positions, cos, sin, backward);
      expect_close(wide, expected, bound(8), backward ? "turned back" : "rotated");
    }
  }
}

TEST_P(Gpu, SiluMul) {
  for (const int64_t cols : {1, 5557, 8192}) {
    const Tensor gate = random({3, cols}) * 8, up = random({3, cols}), dout = random({3, cols});
    Tensor g = gate.to(kGpu), u = up.to(kGpu), expected_g = gate.clone(), expected_u = up.clone();
    expect_close(silu_mul(g, u), portable::silu_mul(gate, up), bound(64), "forward");
    silu_mul_backward(dout.to(kGpu), g, u);
    portable::silu_mul_backward(dout, expected_g, expected_u);
    expect_close(g, expected_g, bound(64), "d gate");
    expect_close(u, expected_u, bound(64), "d up");
  }
}

TEST_P(Gpu, DropoutDrawsTheNumbersOfTheCpu) {
  const DropoutKey key{0x123456789abcdefULL, 77};
  for (const int64_t count : {1, 127, 7 * 1237, 100000}) {
    const Tensor x = random({count});
    EXPECT_TRUE(dropout(x.to(kGpu), 0.25, key).cpu().equal(portable::dropout(x, 0.25, key))) << count;
  }
  const Tensor odd = random({1001}).to(kGpu).narrow(0, 1, 999);  // pairs would not be aligned
  EXPECT_TRUE(dropout(odd, 0.25, key).cpu().equal(portable::dropout(odd.cpu(), 0.25, key)));
}

TEST_P(Gpu, CrossEntropy) {
  for (const int64_t cols : {2, 1003, 32000, 128256}) {
    SCOPED_TRACE(cols);
    const Tensor logits = random({19, cols}) * 5, targets = at::randint(cols, {19}, at::kLong), scale = at::randn({19});
    targets.narrow(0, 0, 10).copy_(logits.narrow(0, 0, 10).argmax(1));
    Tensor mine = logits.to(kGpu), expected = logits.clone(), untouched = logits.to(kGpu);
    const auto [losses, correct] = cross_entropy(mine, targets.to(kGpu), scale.to(kGpu));
    const auto [expected_losses, expected_correct] = portable::cross_entropy(expected, targets, scale);
    expect_close(losses, expected_losses, 1e-4, "losses");
    EXPECT_TRUE(correct.cpu().equal(expected_correct));
    expect_close(mine, expected, bound(4), "gradient");
    cross_entropy(untouched, targets.to(kGpu), Tensor());
    EXPECT_TRUE(untouched.cpu().equal(logits)) << "without a scale the logits stay";
  }
}

TEST_P(Gpu, Attention) {
  const std::vector<int64_t> cu_seqlens = {0, 1, 6, 70, 135, 300, 303};
  for (const auto& [heads, kv_heads, dim] :
       {std::array<int64_t, 3>{4, 4, 64}, {9, 3, 64}, {6, 2, 128}, {4, 1, 8}, {3, 3, 5}}) {
    SCOPED_TRACE(testing::Message() << heads << " heads, " << kv_heads << " of keys, dim " << dim);
    const Tensor q = random({303, heads, dim}), k = random({303, kv_heads, dim}), v = random({303, kv_heads, dim}),
                 dout = random({303, heads, dim});
    const double scale = 1 / std::sqrt(static_cast<double>(dim));
    const auto run = [&](const c10::Device& device) {
      AttentionSaved saved;
      const Tensor a = q.to(device), b = k.to(device), c = v.to(device);
      const Tensor out = attention(a, b, c, cu_seqlens, scale, &saved);
      Tensor dq = at::empty_like(a), dk = at::empty_like(b), dv = at::empty_like(c);
      attention_backward(dout.to(device), a, b, c, out, saved, cu_seqlens, scale, dq, dk, dv);
      return std::vector<Tensor>{out.cpu(), dq.cpu(), dk.cpu(), dv.cpu()};
    };
    const auto expected = run(c10::Device(c10::kCPU)), got = run(kGpu), again = run(kGpu);
    const char* names[] = {"out", "dq", "dk", "dv"};
    for (size_t i = 0; i < got.size(); ++i) {
      expect_close(got[i], expected[i], bound(8), names[i]);
      EXPECT_TRUE(got[i].equal(again[i])) << names[i] << " repeats";
    }
  }
}

TEST_P(Gpu, AttentionOverACache) {
  const int64_t length = 97;
  const Tensor q = random({length, 6, 32}), keys = random({2, 128, 32}), values = random({2, 128, 32});
  for (const int64_t steps : {int64_t{1}, int64_t{37}, length}) {
    const Tensor last = q.narrow(0, length - steps, steps);
    expect_close(attention_cached(last.to(kGpu), keys.to(kGpu), values.to(kGpu), length, 0.2),
                 portable::attention_cached(last, keys, values, length, 0.2), bound(4), "cached");
  }
}

INSTANTIATE_TEST_SUITE_P(Types, Gpu, testing::Values(at::kFloat, at::kBFloat16, at::kHalf));

}  // namespace
}  // namespace hone::tensor
