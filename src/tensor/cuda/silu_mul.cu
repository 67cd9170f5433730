// silu(gate) · up and its gradients, element by element.
#include "tensor/cuda/device.cuh"

namespace hone::cuda {
namespace {

constexpr int64_t kThreads = 256;

__device__ inline float sigmoid(float x) {
  return 1.0f / (1.0f + expf(-x));
}

struct Forward {
  template <typename T>
  static __device__ void apply(const T& gate, const T& up, T& out) {
    const float g = to_float(gate);
    out = from_float<T>(g * sigmoid(g) * to_float(up));
  }
};

struct Backward {
  template <typename T>
  static __device__ void apply(const T& dout, T& gate, T& up) {
    const float d = to_float(dout), g = to_float(gate), u = to_float(up), s = sigmoid(g);
    gate = from_float<T>(d * u * s * (1.0f + g * (1.0f - s)));
    up = from_float<T>(d * g * s);
  }
};

/// Packs first, then the elements that are left over, one a thread.
template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    forward_all(const T* __restrict__ gate, const T* __restrict__ up, T* __restrict__ out, int64_t count) {
  const int64_t packs = count / kWidth, me = blockIdx.x * kThreads + threadIdx.x;
  for (int64_t p = me; p < packs; p += gridDim.x * kThreads) {
    const auto g = load<kWidth>(gate + p * kWidth), u = load<kWidth>(up + p * kWidth);
    Pack<T, kWidth> result;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) Forward::apply(g.at[k], u.at[k], result.at[k]);
    store(out + p * kWidth, result);
  }
  if (const int64_t rest = packs * kWidth + me; rest < count) Forward::apply(gate[rest], up[rest], out[rest]);
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    backward_all(const T* __restrict__ dout, T* __restrict__ gate, T* __restrict__ up, int64_t count) {
  const int64_t packs = count / kWidth, me = blockIdx.x * kThreads + threadIdx.x;
  for (int64_t p = me; p < packs; p += gridDim.x * kThreads) {
    const auto d = load<kWidth>(dout + p * kWidth);
    auto g = load<kWidth>(gate + p * kWidth), u = load<kWidth>(up + p * kWidth);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) Backward::apply(d.at[k], g.at[k], u.at[k]);
    store(gate + p * kWidth, g);
    store(up + p * kWidth, u);
  }
  if (const int64_t rest = packs * kWidth + me; rest < count) Backward::apply(dout[rest], gate[rest], up[rest]);
}

}  // namespace

int silu_mul(Type type, const void* gate, const void* up, void* out, int64_t count, void* stream) {
  if (count == 0) return 0;
  return by_type(type, [&](auto element) {
    using T = decltype(element);
    const bool wide = aligned(gate) && aligned(up) && aligned(out);
    const auto kernel = wide ? forward_all<T, kFullWidth<T>> : forward_all<T, 1>;
    kernel<<<blocks_for(wide ? count / kFullWidth<T> : count, kThreads), kThreads, 0,
             static_cast<cudaStream_t>(stream)>>>(static_cast<const T*>(gate), static_cast<const T*>(up),
                                                  static_cast<T*>(out), count);
  });
}

int silu_mul_backward(Type type, const void* dout, void* gate, void* up, int64_t count, void* stream) {
  if (count == 0) return 0;
  return by_type(type, [&](auto element) {
    using T = decltype(element);
    const bool wide = aligned(dout) && aligned(gate) && aligned(up);
    const auto kernel = wide ? backward_all<T, kFullWidth<T>> : backward_all<T, 1>;
    kernel<<<blocks_for(wide ? count / kFullWidth<T> : count, kThreads), kThreads, 0,
             static_cast<cudaStream_t>(stream)>>>(static_cast<const T*>(dout), static_cast<T*>(gate),
                                                  static_cast<T*>(up), count);
  });
}

}  // namespace hone::cuda
