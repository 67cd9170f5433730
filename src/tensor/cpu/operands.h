// Which tensors the CPU kernels take, and their type in the kernels' words.
#pragma once
#include "tensor/cpu/kernels.h"
#include "tensor/device.h"
#include "tensor/tensor.h"

namespace hone::tensor {

/// True where a CPU kernel can work on x: contiguous fp32 or bf16 on the CPU.
inline bool has_kernel(const Tensor& x) {
  return x.is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) && x.is_contiguous() &&
         !only_portable();
}

/// Of a tensor that a kernel can work on.
inline cpu::Type type_of(const Tensor& x) {
  return x.scalar_type() == at::kFloat ? cpu::Type::kFloat32 : cpu::Type::kBFloat16;
}

}  // namespace hone::tensor
