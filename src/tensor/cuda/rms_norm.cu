// Root-mean-square norm: one block a row; the row is read a second time from the cache.
#include "tensor/cuda/device.cuh"

namespace hone::cuda {
namespace {

constexpr int64_t kMostThreads = 512;

template <typename T, int kWidth>
__global__ void __launch_bounds__(kMostThreads)
    forward_rows(const T* __restrict__ x, const T* __restrict__ weight, float eps, int64_t cols, T* __restrict__ y,
                 float* __restrict__ rstd) {
  const T* in = x + blockIdx.x * cols;
  T* out = y + blockIdx.x * cols;
  const int64_t first = threadIdx.x * kWidth, step = blockDim.x * kWidth;
  float sum = 0;
  for (int64_t i = first; i < cols; i += step) {
    const auto values = load<kWidth>(in + i);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) sum += to_float(values.at[k]) * to_float(values.at[k]);
  }
  const float r = 1.0f / sqrtf(block_sum(sum) / static_cast<float>(cols) + eps);
  if (threadIdx.x == 0) rstd[blockIdx.x] = r;
  for (int64_t i = first; i < cols; i += step) {
    const auto values = load<kWidth>(in + i), weights = load<kWidth>(weight + i);
    Pack<T, kWidth> result;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      // The reference rounds to the activations' type before multiplying by the weight.
      const T normed = from_float<T>(to_float(values.at[k]) * r);
      result.at[k] = from_float<T>(to_float(normed) * to_float(weights.at[k]));
    }
    store(out + i, result);
  }
}

/// With n = x·r and g = dy·w:  dx += r·(g − n·mean(g·n)).
template <typename T, int kWidth>
__global__ void __launch_bounds__(kMostThreads)
    backward_rows(const T* __restrict__ dy, const T* __restrict__ x, const T* __restrict__ weight,
                  const float* __restrict__ rstd, int64_t cols, T* __restrict__ dx) {
  const T* gradient = dy + blockIdx.x * cols;
  const T* in = x + blockIdx.x * cols;
  T* out = dx + blockIdx.x * cols;
  const float r = rstd[blockIdx.x];
  const int64_t first = threadIdx.x * kWidth, step = blockDim.x * kWidth;
  float dot = 0;
  for (int64_t i = first; i < cols; i += step) {
    const auto g = load<kWidth>(gradient + i), w = load<kWidth>(weight + i), v = load<kWidth>(in + i);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) dot += to_float(g.at[k]) * to_float(w.at[k]) * to_float(v.at[k]);
  }
  const float c = block_sum(dot) * r * r * r / static_cast<float>(cols);
  for (int64_t i = first; i < cols; i += step) {
    const auto g = load<kWidth>(gradient + i), w = load<kWidth>(weight + i), v = load<kWidth>(in + i);
    auto sum = load<kWidth>(out + i);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      const float change = to_float(g.at[k]) * to_float(w.at[k]) * r - to_float(v.at[k]) * c;
      sum.at[k] = from_float<T>(to_float(sum.at[k]) + change);
    }
    store(out + i, sum);
  }
}

/// Block (b, p) adds up part p of the rows for its columns, row after row.
template <typename T, int kWidth>
__global__ void __launch_bounds__(kWarp * 4)
    weight_gradient_parts(const T* __restrict__ dy, const T* __restrict__ x, const float* __restrict__ rstd,
                          int64_t rows, int64_t cols, float* __restrict__ partial) {
  const int64_t column = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * kWidth;
  if (column >= cols) return;
  const int64_t per_part = (rows + kWeightParts - 1) / kWeightParts;
  const int64_t begin = blockIdx.y * per_part, end = begin + per_part < rows ? begin + per_part : rows;
  Pack<float, kWidth> sum = {};
  for (int64_t row = begin; row < end; ++row) {
    const auto g = load<kWidth>(dy + row * cols + column), v = load<kWidth>(x + row * cols + column);
    const float r = rstd[row];
#pragma unroll
    for (int k = 0; k < kWidth; ++k) sum.at[k] += to_float(g.at[k]) * to_float(v.at[k]) * r;
  }
  store(partial + blockIdx.y * cols + column, sum);
}

template <typename T, int kWidth>
void launch_weight_gradient(const void* dy, const void* x, const float* rstd, int64_t rows, int64_t cols,
                            float* partial, void* stream) {
  const int64_t pieces = cols / kWidth;
  const unsigned threads = threads_for(pieces, kWarp * 4);
  const dim3 grid(blocks_for(pieces, threads), static_cast<unsigned>(kWeightParts));
  weight_gradient_parts<T, kWidth><<<grid, threads, 0, static_cast<cudaStream_t>(stream)>>>(
      static_cast<const T*>(dy), static_cast<const T*>(x), rstd, rows, cols, partial);
}

}  // namespace

int rms_norm(Type type, const void* x, const void* weight, float eps, int64_t rows, int64_t cols, void* y, float* rstd,
             void* stream) {
  if (rows == 0) return 0;
  return by_type(type, [&](auto element) {
    using T = decltype(element);
    const bool wide = cols % kFullWidth<T> == 0 && aligned(x) && aligned(weight) && aligned(y);
    const auto kernel = wide ? forward_rows<T, kFullWidth<T>> : forward_rows<T, 1>;
    const unsigned threads = threads_for(wide ? cols / kFullWidth<T> : cols, kMostThreads);
    kernel<<<static_cast<unsigned>(rows), threads, 0, static_cast<cudaStream_t>(stream)>>>(
        static_cast<const T*>(x), static_cast<const T*>(weight), eps, cols, static_cast<T*>(y), rstd);
  });
}

int rms_norm_backward(Type type, const void* dy, const void* x, const void* weight, const float* rstd, int64_t rows,
                      int64_t cols, void* dx, void* stream) {
  if (rows == 0) return 0;
  return by_type(type, [&](auto element) {
    using T = decltype(element);
    const bool wide = cols % kFullWidth<T> == 0 && aligned(dy) && aligned(x) && aligned(weight) && aligned(dx);
    const auto kernel = wide ? backward_rows<T, kFullWidth<T>> : backward_rows<T, 1>;
    const unsigned threads = threads_for(wide ? cols / kFullWidth<T> : cols, kMostThreads);
    kernel<<<static_cast<unsigned>(rows), threads, 0, static_cast<cudaStream_t>(stream)>>>(
        static_cast<const T*>(dy), static_cast<const T*>(x), static_cast<const T*>(weight), rstd, cols,
        static_cast<T*>(dx));
  });
}

int rms_norm_weight_gradient(Type type, const void* dy, const void* x, const float* rstd, int64_t rows, int64_t cols,
                             float* partial, void* stream) {
  if (cols == 0) return 0;
  return by_type(type, [&](auto element) {
    using T = decltype(element);
    if (cols % kFullWidth<T> == 0 && aligned(dy) && aligned(x) && aligned(partial))
      launch_weight_gradient<T, kFullWidth<T>>(dy, x, rstd, rows, cols, partial, stream);
    else
      launch_weight_gradient<T, 1>(dy, x, rstd, rows, cols, partial, stream);
  });
}

}  // namespace hone::cuda
