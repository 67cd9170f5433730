// What all kernels share: element types as floats, loads of 16 bytes, sums over a block.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#include "tensor/cuda/kernels.h"

namespace hone::cuda {

__device__ inline float to_float(float value) {
  return value;
}
__device__ inline float to_float(__nv_bfloat16 value) {
  return __bfloat162float(value);
}
__device__ inline float to_float(__half value) {
  return __half2float(value);
}

template <typename T>
__device__ inline T from_float(float value);
template <>
__device__ inline float from_float<float>(float value) {
  return value;
}
template <>
__device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float value) {
  return __float2bfloat16_rn(value);
}
template <>
__device__ inline __half from_float<__half>(float value) {
  return __float2half_rn(value);
}

/// kWidth neighbours that move in accesses of up to 16 bytes.
template <typename T, int kWidth>
struct alignas(sizeof(T) * kWidth < 16 ? sizeof(T) * kWidth : 16) Pack {
  T at[kWidth];
};

template <int kWidth, typename T>
__device__ inline Pack<T, kWidth> load(const T* from) {
  return *reinterpret_cast<const Pack<T, kWidth>*>(from);
}
template <int kWidth, typename T>
__device__ inline void store(T* to, const Pack<T, kWidth>& values) {
  *reinterpret_cast<Pack<T, kWidth>*>(to) = values;
}

/// How many elements of T make 16 bytes.
template <typename T>
constexpr int kFullWidth = 16 / static_cast<int>(sizeof(T));

inline bool aligned(const void* pointer, size_t bytes = 16) {
  return reinterpret_cast<uintptr_t>(pointer) % bytes == 0;
}

constexpr int kWarp = 32;

/// The sum over the block's threads, in every thread. blockDim.x is a multiple of the warp's size. The order of
/// the additions depends on the block's size alone.
__device__ inline float block_sum(float value) {
  __shared__ float sums[kWarp];
  for (int step = kWarp / 2; step > 0; step /= 2) value += __shfl_xor_sync(0xFFFFFFFF, value, step);
  const int warps = static_cast<int>(blockDim.x) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  __syncthreads();  // an earlier call may still be reading
  if (lane == 0) sums[threadIdx.x / kWarp] = value;
  __syncthreads();
  value = lane < warps ? sums[lane] : 0.0f;
  for (int step = kWarp / 2; step > 0; step /= 2) value += __shfl_xor_sync(0xFFFFFFFF, value, step);
  return value;
}

/// Threads for a row of `items` pieces of work: a multiple of the warp's size.
inline unsigned threads_for(int64_t items, int64_t most) {
  const int64_t wanted = (items + kWarp - 1) / kWarp * kWarp;
  return static_cast<unsigned>(wanted < kWarp ? kWarp : wanted > most ? most : wanted);
}

/// Blocks for `items` pieces of work, `threads` at a time; kernels with a grid-stride loop take fewer than asked for.
inline unsigned blocks_for(int64_t items, int64_t threads) {
  constexpr int64_t kMost = 1 << 20;
  const int64_t wanted = (items + threads - 1) / threads;
  return static_cast<unsigned>(wanted < 1 ? 1 : wanted > kMost ? kMost : wanted);
}

/// Calls body with a value of the element type, so that the run-time type chooses the instantiation.
template <typename Body>
int by_type(Type type, const Body& body) {
  switch (type) {
    case Type::kFloat32: body(float()); break;
    case Type::kBFloat16: body(__nv_bfloat16()); break;
    case Type::kFloat16: body(__half()); break;
  }
  return static_cast<int>(cudaGetLastError());
}

// One file an operator; table.cu gathers them.
int rms_norm(Type type, const void* x, const void* weight, float eps, int64_t rows, int64_t cols, void* y, float* rstd,
             void* stream);
int rms_norm_backward(Type type, const void* dy, const void* x, const void* weight, const float* rstd, int64_t rows,
                      int64_t cols, void* dx, void* stream);
int rms_norm_weight_gradient(Type type, const void* dy, const void* x, const float* rstd, int64_t rows, int64_t cols,
                             float* partial, void* stream);
int rope(Type type, void* x, const int64_t* positions, const float* cos, const float* sin, int64_t rows, int64_t heads,
         int64_t dim, int64_t stride, float direction, void* stream);
int silu_mul(Type type, const void* gate, const void* up, void* out, int64_t count, void* stream);
int silu_mul_backward(Type type, const void* dout, void* gate, void* up, int64_t count, void* stream);
int dropout(Type type, const void* x, void* out, uint64_t key, uint64_t stream_id, uint32_t threshold, float scale,
            int64_t count, void* stream);
int cross_entropy(Type type, void* logits, const int64_t* targets, const float* row_scale, int64_t rows, int64_t cols,
                  float* losses, uint8_t* correct, void* stream);

}  // namespace hone::cuda
