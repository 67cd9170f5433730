#include "tensor/rows.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>

#include <algorithm>

#include "tensor/cpu/operands.h"
#include "tensor/parallel.h"

namespace hone::tensor {
namespace {

constexpr int64_t kOutputs = 96;              // a thread's at a time: whole tiles of every variant
constexpr int64_t kPanel = int64_t{2} << 20;  // bytes of a panel of a matrix in few bits: it is read once, from cache

bool lies_dense(const Tensor& weight) {
  return weight.stride(1) == 1 || weight.stride(0) == 1;
}

/// y [N, out] (+)= scale · x Wᵀ + b
void run(const Tensor& x, const Tensor& weight, const Tensor& bias, double scale, bool add, Tensor& y) {
  const Tensor wide = x.to(at::kFloat).contiguous();
  const bool turned = weight.stride(1) != 1;
  const cpu::RowProduct product{.type = type_of(y),
                                .x = wide.const_data_ptr<float>(),
                                .w = weight.const_data_ptr(),
                                .bias = bias.defined() ? bias.const_data_ptr() : nullptr,
                                .y = y.mutable_data_ptr(),
                                .rows = x.size(0),
                                .depth = x.size(1),
                                .w_row = weight.stride(turned ? 1 : 0),
                                .y_row = y.stride(0),
                                .scale = static_cast<float>(scale),
                                .turned = turned,
                                .add = add};
  parallel_rows(y.size(1), kOutputs,
                [&](int64_t begin, int64_t end) { cpu::kernels().row_product(product, begin, end); });
}

}  // namespace

bool rows_stand_alone(const Tensor& x) {
  return x.is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) && !only_portable();
}

Tensor row_product(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (!rows_stand_alone(x) || !lies_dense(weight)) {
    return bias.defined() ? at::addmm(bias, x, weight.t()) : at::mm(x, weight.t());
  }
  Tensor y = at::empty({x.size(0), weight.size(0)}, x.options());
  run(x, weight, bias, 1, false, y);
  return y;
}

Tensor row_product(const Tensor& x, const Quantized& weight, const Tensor& bias) {
  if (!rows_stand_alone(x)) {
    Tensor y = matmul_transposed(x, weight);
    return bias.defined() ? y.add_(bias) : y;
  }
  Tensor y = at::empty({x.size(0), weight.rows}, x.options());
  const int64_t row_bytes = std::max<int64_t>(1, weight.cols * x.element_size());
  const int64_t step = std::max(kOutputs, kPanel / row_bytes / kOutputs * kOutputs);
  for (int64_t row = 0; row < weight.rows; row += step) {
    const int64_t count = std::min(step, weight.rows - row);
    Tensor part = y.narrow(1, row, count);
    run(x, dequantize(weight, row, count, 0, weight.cols, x.scalar_type()),
        bias.defined() ? bias.narrow(0, row, count) : bias, 1, false, part);
  }
  return y;
}

void add_row_product(Tensor& y, const Tensor& x, const Tensor& weight, double scale) {
  if (rows_stand_alone(x) && lies_dense(weight) && y.stride(1) == 1)
    run(x, weight, Tensor(), scale, true, y);
  else
    y.addmm_(x, weight.t(), 1, scale);
}

}  // namespace hone::tensor
