// Rotary embedding in place: one block a token, its threads share the pairs of all heads.
#include "tensor/cuda/device.cuh"

namespace hone::cuda {
namespace {

constexpr int64_t kMostThreads = 256;

template <typename T, int kWidth>
__global__ void __launch_bounds__(kMostThreads)
    rotate_rows(T* __restrict__ x, const int64_t* __restrict__ positions, const float* __restrict__ cos,
                const float* __restrict__ sin, int heads, int half, int64_t stride, float direction) {
  const int64_t turn = positions[blockIdx.x] * half;
  T* row = x + blockIdx.x * stride;
  const int pieces = half / kWidth;  // of one head
  for (int i = static_cast<int>(threadIdx.x); i < heads * pieces; i += static_cast<int>(blockDim.x)) {
    const int offset = i % pieces * kWidth;
    T* first = row + static_cast<int64_t>(i / pieces) * 2 * half + offset;
    T* second = first + half;
    const auto c = load<kWidth>(cos + turn + offset), s = load<kWidth>(sin + turn + offset);
    auto a = load<kWidth>(first), b = load<kWidth>(second);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      const float u = to_float(a.at[k]), v = to_float(b.at[k]), t = s.at[k] * direction;
      a.at[k] = from_float<T>(u * c.at[k] - v * t);
      b.at[k] = from_float<T>(v * c.at[k] + u * t);
    }
    store(first, a);
    store(second, b);
  }
}

}  // namespace

int rope(Type type, void* x, const int64_t* positions, const float* cos, const float* sin, int64_t rows, int64_t heads,
         int64_t dim, int64_t stride, float direction, void* stream) {
  if (rows == 0) return 0;
  return by_type(type, [&](auto element) {
    using T = decltype(element);
    constexpr int kWide = kFullWidth<T>;
    const int64_t half = dim / 2;
    const bool wide = half % kWide == 0 && stride % kWide == 0 && aligned(x) && aligned(cos) && aligned(sin);
    const auto kernel = wide ? rotate_rows<T, kWide> : rotate_rows<T, 1>;
    const unsigned threads = threads_for(heads * half / (wide ? kWide : 1), kMostThreads);
    kernel<<<static_cast<unsigned>(rows), threads, 0, static_cast<cudaStream_t>(stream)>>>(
        static_cast<T*>(x), positions, cos, sin, static_cast<int>(heads), static_cast<int>(half), stride, direction);
  });
}

}  // namespace hone::cuda
