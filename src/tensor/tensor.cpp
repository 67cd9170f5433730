#include "tensor/tensor.h"

#include <ATen/ops/empty.h>

#include <algorithm>

namespace hone {

Tensor tensor_of(std::span<const int64_t> values) {
  Tensor tensor = at::empty({static_cast<int64_t>(values.size())}, at::TensorOptions().dtype(at::kLong));
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<int64_t>());
  return tensor;
}

}  // namespace hone
