// Cross-entropy and its gradient: one block a row. The largest logit and the sum of exponentials are found
// in one reading (Milakov & Gimelshein 2018), the gradient takes a second.
#include "tensor/cuda/device.cuh"

namespace hone::cuda {
namespace {

constexpr int64_t kMostThreads = 512;

/// Σ exp(l - largest) over the logits seen so far; `place` is that of the first largest.
struct Sum {
  float largest;
  float sum;
  int64_t place;
};

// __expf is off by about |x| · 2^-23 of its value. Arguments here are at most 0 and |x|·e^x is at most 1/e, so the
// error stays below half a unit in the last place of 1, which is what probabilities are measured against.
// Without a fused multiply-add, which rounds one of the two products only: both partners of a shuffle get one result.
__device__ inline Sum joined(const Sum& a, const Sum& b) {
  const bool from_b = b.largest > a.largest || (b.largest == a.largest && b.place < a.place);
  const float largest = from_b ? b.largest : a.largest;
  const float sum =
      __fadd_rn(__fmul_rn(a.sum, __expf(a.largest - largest)), __fmul_rn(b.sum, __expf(b.largest - largest)));
  return {largest, sum, from_b ? b.place : a.place};
}

__device__ inline Sum warp_joined(Sum mine) {
  for (int step = kWarp / 2; step > 0; step /= 2) {
    Sum other;
    other.largest = __shfl_xor_sync(0xFFFFFFFF, mine.largest, step);
    other.sum = __shfl_xor_sync(0xFFFFFFFF, mine.sum, step);
    other.place = __shfl_xor_sync(0xFFFFFFFF, mine.place, step);
    mine = joined(mine, other);
  }
  return mine;
}

/// Lower than any logit but finite, so that -inf - kNone is no NaN; it stands for "nothing seen".
constexpr float kNone = -3.402823466e38f;
constexpr int64_t kNowhere = INT64_MAX;

template <typename T, int kWidth>
__device__ Sum row_sum(const T* logits, int64_t cols) {
  Sum mine = {kNone, 0.0f, kNowhere};
  for (int64_t i = threadIdx.x * kWidth; i < cols; i += blockDim.x * kWidth) {
    const auto l = load<kWidth>(logits + i);
    float largest = mine.largest;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      const float value = to_float(l.at[k]);
      if (value > largest) largest = value, mine.place = i + k;  // places grow: the first of equals stays
    }
    mine.sum *= __expf(mine.largest - largest);
    mine.largest = largest;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) mine.sum += __expf(to_float(l.at[k]) - largest);
  }
  return mine;
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(kMostThreads)
    rows_loss(T* __restrict__ logits, const int64_t* __restrict__ targets, const float* __restrict__ row_scale,
              int64_t cols, float* __restrict__ losses, uint8_t* __restrict__ correct) {
  __shared__ Sum parts[kMostThreads / kWarp];
  T* l = logits + blockIdx.x * cols;
  const int64_t target = targets[blockIdx.x];
  const float at_target = to_float(l[target]);
  const int warps = static_cast<int>(blockDim.x) / kWarp, lane = static_cast<int>(threadIdx.x) % kWarp;
  const Sum mine = warp_joined(row_sum<T, kWidth>(l, cols));
  if (lane == 0) parts[threadIdx.x / kWarp] = mine;
  __syncthreads();  // and everyone has read the target's logit before anyone overwrites it
  const Sum whole = warp_joined(lane < warps ? parts[lane] : Sum{kNone, 0.0f, kNowhere});
  const float log_sum = whole.largest + logf(whole.sum);
  if (threadIdx.x == 0) {
    losses[blockIdx.x] = log_sum - at_target;
    correct[blockIdx.x] = whole.place == target;
  }
  if (row_scale == nullptr) return;
  const float scale = row_scale[blockIdx.x];
  for (int64_t i = threadIdx.x * kWidth; i < cols; i += blockDim.x * kWidth) {
    auto values = load<kWidth>(l + i);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      const float probability = __expf(to_float(values.at[k]) - log_sum);
      values.at[k] = from_float<T>((i + k == target ? probability - 1.0f : probability) * scale);
    }
    store(l + i, values);
  }
}

}  // namespace

int cross_entropy(Type type, void* logits, const int64_t* targets, const float* row_scale, int64_t rows, int64_t cols,
                  float* losses, uint8_t* correct, void* stream) {
  if (rows == 0) return 0;
  return by_type(type, [&](auto element) {
    using T = decltype(element);
    const bool wide = cols % kFullWidth<T> == 0 && aligned(logits);
    const auto kernel = wide ? rows_loss<T, kFullWidth<T>> : rows_loss<T, 1>;
    const unsigned threads = threads_for(wide ? cols / kFullWidth<T> : cols, kMostThreads);
    kernel<<<static_cast<unsigned>(rows), threads, 0, static_cast<cudaStream_t>(stream)>>>(
        static_cast<T*>(logits), targets, row_scale, cols, losses, correct);
  });
}

}  // namespace hone::cuda
