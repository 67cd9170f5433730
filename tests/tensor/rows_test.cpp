// Products whose rows do not depend on each other: right, and the same to the bit in every company.
#include "tensor/rows.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tensor/cpu/kernels.h"
#include "tensor/device.h"

namespace hone::tensor {
namespace {

Tensor random(std::vector<int64_t> shape, at::ScalarType type = at::kFloat) {
  return at::randn(shape, at::TensorOptions().dtype(at::kDouble)).to(type);
}

struct Shape {
  int64_t in, out;
};
// Whole vectors and tiles, and ends of each.
const Shape kShapes[] = {{64, 96}, {576, 200}, {37, 5}, {1, 1}, {15, 17}, {130, 131}};

/// The weight [out, in] as it is and as the view of one that is stored [in, out].
std::vector<Tensor> layouts(const Tensor& weight) {
  return {weight, weight.t().contiguous().t()};
}

TEST(RowProduct, EqualsPlainProducts) {
  at::manual_seed(5);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    for (const Shape& shape : kShapes) {
      const Tensor x = random({7, shape.in}, type), w = random({shape.out, shape.in}, type),
                   b = random({shape.out}, type), before = random({9, shape.out}, type);
      const Tensor exact = at::mm(x.to(at::kDouble), w.to(at::kDouble).t());
      const double bound = (type == at::kFloat ? 1e-6 : 1e-2) * std::sqrt(static_cast<double>(shape.in)) * 4;
      for (const Tensor& laid : layouts(w)) {
        const Tensor y = row_product(x, laid, b);
        EXPECT_LE((y.to(at::kDouble) - exact - b.to(at::kDouble)).abs().max().item<double>(), bound);
        Tensor sum = before.clone();
        Tensor part = sum.narrow(0, 1, 7);
        add_row_product(part, x, laid, 0.5);
        const Tensor expected = before.to(at::kDouble).narrow(0, 1, 7) + 0.5 * exact;
        EXPECT_LE((part.to(at::kDouble) - expected).abs().max().item<double>(), bound);
        EXPECT_TRUE(at::equal(sum[0], before[0]));
        EXPECT_TRUE(at::equal(sum[8], before[8]));
      }
    }
  }
}

TEST(RowProduct, EveryVariantIsRight) {
  at::manual_seed(6);
  const int64_t in = 83, out = 61, rows = 5;
  const Tensor x = random({rows, in}), w = random({out, in}), exact = at::mm(x, w.t());
  for (const char* name : {"portable", "avx2", "avx512"}) {
    const cpu::Kernels* variant = cpu::kernels_named(name);
    if (variant == nullptr) continue;
    for (const bool turned : {false, true}) {
      const Tensor laid = turned ? w.t().contiguous() : w;
      for (int64_t count = 1; count <= rows; ++count) {
        std::vector<float> y(static_cast<size_t>(count * out));
        variant->row_product({.type = cpu::Type::kFloat32,
                              .x = x.const_data_ptr<float>(),
                              .w = laid.const_data_ptr(),
                              .bias = nullptr,
                              .y = y.data(),
                              .rows = count,
                              .depth = in,
                              .w_row = turned ? out : in,
                              .y_row = out,
                              .scale = 1,
                              .turned = turned,
                              .add = false},
                             0, out);
        for (size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], exact.const_data_ptr<float>()[i], 1e-4) << name;
      }
    }
  }
}

TEST(RowProduct, ARowHasTheSameBitsWhateverLiesBesideIt) {
  at::manual_seed(7);
  for (const int threads : {1, 2}) {
    set_threads(threads);
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      for (const Shape& shape : kShapes) {
        const Tensor x = random({33, shape.in}, type), w = random({shape.out, shape.in}, type),
                     b = random({shape.out}, type);
        std::vector<std::function<Tensor(const Tensor&)>> products;
        for (const Tensor& laid : layouts(w)) {
          products.emplace_back([laid, b](const Tensor& rows) { return row_product(rows, laid, b); });
        }
        for (const QuantOptions& few : {QuantOptions{QuantType::kNf4, 64, true}, QuantOptions{QuantType::kInt8}}) {
          products.emplace_back([q = quantize(w, few, "w"), b](const Tensor& rows) { return row_product(rows, q, b); });
        }
        for (const auto& product : products) {
          const Tensor all = product(x);
          for (const int64_t count : {1, 2, 3, 4, 5, 8, 31}) {
            for (const int64_t first : {int64_t{0}, int64_t{1}, 33 - count}) {
              ASSERT_TRUE(at::equal(product(x.narrow(0, first, count)), all.narrow(0, first, count)))
                  << shape.in << "x" << shape.out << ", rows " << first << " + " << count;
            }
          }
        }
      }
    }
  }
  set_threads(1);
}

}  // namespace
}  // namespace hone::tensor
