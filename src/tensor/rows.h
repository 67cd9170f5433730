// Products for decoding, where a row must get the same bits whatever rows lie beside it: the matrix libraries choose
// other kernels, and so other orders of summation, for other numbers of rows.
#pragma once
#include "tensor/quantized.h"
#include "tensor/tensor.h"

namespace hone::tensor {

/// Whether row_product() keeps its promise for such activations: fp32 and bf16 on a processor with the kernels of this
/// library. Elsewhere it gives what mm gives.
bool rows_stand_alone(const Tensor& x);

/// x Wᵀ + b: x [N, in], weight [out, in] of the same type, in either layout (a transposed view), bias [out] or
/// undefined → [N, out]. Sums in fp32, rounded once. A row of the result depends on its row of x alone.
Tensor row_product(const Tensor& x, const Tensor& weight, const Tensor& bias);
/// The same with W in few bits.
Tensor row_product(const Tensor& x, const Quantized& weight, const Tensor& bias);
/// y [N, out] += scale · x Wᵀ in the same manner; y may be a range of rows of a larger matrix.
void add_row_product(Tensor& y, const Tensor& x, const Tensor& weight, double scale);

}  // namespace hone::tensor
