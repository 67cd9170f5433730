#include "tensor/tensor.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <bit>

namespace hone {

Tensor tensor_of(std::span<const int64_t> values) {
  Tensor tensor = at::empty({static_cast<int64_t>(values.size())}, at::TensorOptions().dtype(at::kLong));
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<int64_t>());
  return tensor;
}

int64_t even_rows(int64_t rows) {
  const auto below = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(std::max<int64_t>(rows, 1))));
  const int64_t step = std::max<int64_t>(1, below / 32);
  return (rows + step - 1) / step * step;
}

}  // namespace hone
