// The table that cuda/library.cpp finds by its one name.
#include <cstdio>

#include "tensor/cuda/device.cuh"

namespace hone::cuda {
namespace {

int device_name(int device, char* name, int64_t size) {
  cudaDeviceProp properties = {};
  const cudaError_t error = cudaGetDeviceProperties(&properties, device);
  std::snprintf(name, static_cast<size_t>(size), "%s", properties.name);
  return static_cast<int>(error);
}

const char* error_text(int error) {
  return cudaGetErrorString(static_cast<cudaError_t>(error));
}

constexpr Kernels kTable = {kKernelsVersion,
                            rms_norm,
                            rms_norm_backward,
                            rms_norm_weight_gradient,
                            rope,
                            silu_mul,
                            silu_mul_backward,
                            dropout,
                            cross_entropy,
                            device_name,
                            error_text};

}  // namespace
}  // namespace hone::cuda

extern "C" __attribute__((visibility("default"))) const hone::cuda::Kernels* hone_cuda_kernels() {
  return &hone::cuda::kTable;
}
