// Weights in few bits: variants against each other and against plain operators, products against dense ones. That
// codes and statistics are the reference's is shown by tests/parity/test_quantization.py.
#include "tensor/quantized.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"
#include "error_of.h"
#include "tensor/cpu/kernels.h"

namespace hone::tensor {
namespace {

Tensor random(std::vector<int64_t> shape, at::ScalarType type = at::kFloat) {
  at::manual_seed(11);
  return at::randn(shape, at::TensorOptions().dtype(at::kDouble)).to(type);
}

const QuantOptions kKinds[] = {{QuantType::kNf4, 64, false},
                               {QuantType::kNf4, 64, true},
                               {QuantType::kFp4, 32, false},
                               {QuantType::kFp4, 128, true},
                               {QuantType::kInt8, 64, false}};

// Rows that are whole blocks, blocks that run over the ends of rows, odd rows, single ones.
const std::vector<int64_t> kShapes[] = {{8, 128}, {7, 96}, {5, 33}, {1, 1}, {3, 1}, {300, 70}};

TEST(Quantized, EveryRowAndColumnRangeAgreesWithPlainOperators) {
  for (const QuantOptions& kind : kKinds) {
    for (const auto& shape : kShapes) {
      const Quantized q = quantize(random(shape), kind, "w");
      for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
        const Tensor whole = dequantize(q, type);
        ASSERT_TRUE(at::equal(whole, portable::dequantize(q, 0, q.rows, 0, q.cols, type)));
        const int64_t row = q.rows / 3, count = q.rows - row - q.rows / 4, col = q.cols / 5, width = q.cols - col;
        EXPECT_TRUE(
            at::equal(dequantize(q, row, count, col, width, type), whole.narrow(0, row, count).narrow(1, col, width)))
            << quant_type_name(kind.type) << " " << shape[0] << "x" << shape[1];
      }
    }
  }
}

TEST(Quantized, VariantsGiveTheSameBits) {
  const Tensor w = random({9, 70});
  const Quantized q = quantize(w, {QuantType::kNf4}, "w");
  const auto& best = cpu::kernels();
  for (const char* name : {"portable", "avx2", "avx512"}) {
    const cpu::Kernels* variant = cpu::kernels_named(name);
    if (variant == nullptr) continue;
    std::vector<uint8_t> expected(630), got(630);
    const std::vector<float> bounds = {-.9f, -.6f, -.4f, -.3f, -.2f, -.1f, -.05f, 0,
                                       .05f, .1f,  .2f,  .3f,  .4f,  .6f,  .9f};
    for (const bool divide : {false, true}) {
      best.quantize4(w.const_data_ptr<float>(), 630, 1.7f, divide, bounds.data(), expected.data());
      variant->quantize4(w.const_data_ptr<float>(), 630, 1.7f, divide, bounds.data(), got.data());
      EXPECT_EQ(expected, got) << name;
    }
    for (const int64_t first : {0, 1, 37, 64, 127}) {
      for (const int64_t count : {1, 2, 15, 64, 200, 500}) {
        for (const auto type : {cpu::Type::kFloat32, cpu::Type::kBFloat16}) {
          std::vector<float> a(501, 7), b(501, 7);
          const auto* scales = q.absmax.const_data_ptr<float>() + first / 64;
          const auto* codes = q.codes.const_data_ptr<uint8_t>();
          best.dequantize4(type, codes, first, count, codebook4(q.type), scales, 64, a.data());
          variant->dequantize4(type, codes, first, count, codebook4(q.type), scales, 64, b.data());
          EXPECT_EQ(a, b) << name << " from " << first << ", " << count;
        }
      }
    }
  }
}

TEST(Quantized, ProductsAreThoseOfTheDenseMatrix) {
  for (const QuantOptions& kind : kKinds) {
    const Quantized q = quantize(random({300, 70}), kind, "w");
    for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
      const Tensor dense = dequantize(q, type), x = random({6, 70}, type), dy = random({6, 300}, type);
      EXPECT_TRUE(matmul_transposed(x, q).allclose(at::mm(x, dense.t()), 1e-5, 1e-5));
      Tensor dx;
      matmul(dy, q, dx, false);
      EXPECT_TRUE(dx.allclose(at::mm(dy, dense), 1e-5, 1e-5));
      matmul(dy, q, dx, true);
      EXPECT_TRUE(dx.allclose(at::mm(dy, dense) * 2, 1e-5, 1e-4));
    }
  }
}

/// More than one panel, in both directions: 3000 · 1500 weights are 18 MB in fp32.
TEST(Quantized, ProductsGoPanelByPanel) {
  const Quantized q = quantize(random({3000, 1500}), {QuantType::kNf4, 64, true}, "w");
  ASSERT_GT(q.rows * q.cols * 4, 2 * kPanelBytes);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const double tolerance = type == at::kFloat ? 1e-4 : 1e-2;
    const Tensor dense = dequantize(q, type), x = random({5, 1500}, type), dy = random({5, 3000}, type);
    const Tensor y = matmul_transposed(x, q), expected = at::mm(x, dense.t());
    EXPECT_TRUE(y.allclose(expected, tolerance, tolerance * 10));
    Tensor dx;
    matmul(dy, q, dx, false);
    EXPECT_TRUE(dx.allclose(at::mm(dy, dense), tolerance, tolerance * 10));
  }
}

TEST(Quantized, TakesHalfAByteAndItsScales) {
  const Quantized single = quantize(random({256, 512}), {QuantType::kNf4, 64, false}, "w");
  EXPECT_EQ(single.bytes(), 256 * 512 / 2 + 256 * 512 / 64 * 4);
  const Quantized nested = quantize(random({256, 512}), {QuantType::kNf4, 64, true}, "w");
  EXPECT_EQ(nested.bytes(), 256 * 512 / 2 + 256 * 512 / 64 + 256 * 512 / 64 / 256 * 4);
}

TEST(Quantized, IsNearWhatItWas) {
  const Tensor w = random({64, 256});
  const auto error = [&](const QuantOptions& kind) {
    return (dequantize(quantize(w, kind, "w"), at::kFloat) - w).abs().mean().item<double>();
  };
  // For normally distributed weights NF4 is better than FP4, and 8 bits are better than 4.
  EXPECT_LT(error({QuantType::kNf4}), 0.08);
  EXPECT_LT(error({QuantType::kNf4}), error({QuantType::kFp4}));
  EXPECT_LT(error({QuantType::kNf4, 64, true}), 1.02 * error({QuantType::kNf4}));
  EXPECT_LT(error({QuantType::kInt8}), 0.01);
}

TEST(Quantized, ZerosStayZeros) {
  for (const QuantOptions& kind : kKinds) {
    EXPECT_TRUE(at::equal(dequantize(quantize(at::zeros({3, 70}), kind, "w"), at::kFloat), at::zeros({3, 70})));
  }
}

TEST(Quantized, RefusesWhatHasNoScale) {
  Tensor w = random({4, 64});
  w[2][5] = std::numeric_limits<float>::infinity();
  const std::string message = error_of([&] { quantize(w, {}, "model.layers.3.mlp.up_proj.weight"); }).what();
  EXPECT_NE(message.find("model.layers.3.mlp.up_proj.weight"), std::string::npos) << message;
  EXPECT_NE(message.find("not finite"), std::string::npos) << message;
  EXPECT_THROW(quantize(at::full({2, 2}, 1e5), {QuantType::kInt8}, "w"), Error);
  EXPECT_THROW(quant_type_from_name("nf5", "--type"), Error);
}

}  // namespace
}  // namespace hone::tensor
