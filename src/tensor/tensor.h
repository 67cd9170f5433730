// The tensor type of the project: libtorch's, under our name. Headers that only pass tensors along
// include this; sources name the operators they call from <ATen/ops/…> (see the style guide on
// compile time). Shape letters: B sequences, T tokens of one, N packed tokens, D hidden, H heads,
// K key/value heads, F feed-forward width, V vocabulary, r rank.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

namespace hone {

using Tensor = at::Tensor;

/// Type in which sums over `x` are made: float64 for float64 (gradients are checked in it), else fp32.
inline at::ScalarType sum_type(const Tensor& x) {
  return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

/// [values.size()] int64 on the CPU, a copy.
Tensor tensor_of(std::span<const int64_t> values);

/// `rows` and up to 3% more, so that of all numbers between n and 2n only 32 occur. Matrix libraries compile a
/// kernel for each new shape and keep it: on data of all lengths that costs time and, without end, memory.
int64_t even_rows(int64_t rows);

}  // namespace hone
