// Gradients in float64 from values alone, which hand-written ones are held to.
#pragma once
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tensor/tensor.h"

namespace hone {

/// d value() / d each element of `tensor` (contiguous float64, changed in place and put back), from four values
/// around it: (f(x-2h) - 8 f(x-h) + 8 f(x+h) - f(x+2h)) / 12h. With h = 1e-4 the rest of the series, h⁴/30 f⁽⁵⁾,
/// stays small where the fifth derivative is a million, and rounding, some ε f / h, is about 1e-11.
inline Tensor finite_differences(const Tensor& tensor, const std::function<double()>& value) {
  constexpr double kStep = 1e-4;
  Tensor gradient = at::empty_like(tensor.detach());
  auto *values = tensor.detach().data_ptr<double>(), *result = gradient.data_ptr<double>();
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    const double kept = values[i];
    const auto at = [&](double shift) {
      values[i] = kept + shift;
      return value();
    };
    const double wide = at(2 * kStep) - at(-2 * kStep), narrow = at(kStep) - at(-kStep);
    values[i] = kept;
    result[i] = (8 * narrow - wide) / (12 * kStep);
  }
  return gradient;
}

/// `gradient` is that of value() by `tensor`, to `bound` of its largest element.
inline void expect_gradient(const Tensor& gradient, const Tensor& tensor, const std::function<double()>& value,
                            const std::string& what, double bound = 1e-8) {
  ASSERT_TRUE(gradient.defined()) << what;
  ASSERT_EQ(gradient.sizes(), tensor.sizes()) << what;
  ASSERT_EQ(gradient.scalar_type(), at::kDouble) << what;
  const Tensor expected = finite_differences(tensor, value);
  const double scale = expected.abs().max().item<double>();
  ASSERT_GT(scale, 1e-6) << what << ": the value hardly depends on it, so nothing would be checked";
  EXPECT_LE((gradient - expected).abs().max().item<double>(), bound * scale) << what;
}

}  // namespace hone
