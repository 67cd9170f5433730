// Dropout with the numbers of the CPU kernels: Philox4x32-10 (Salmon et al. 2011; base/random.h).
#include "tensor/cuda/device.cuh"

namespace hone::cuda {
namespace {

constexpr int64_t kThreads = 256;
constexpr int kLanes = 16;                 // counters of a block of elements
constexpr int64_t kElements = 8 * kLanes;  // elements of a block

struct Words {
  uint32_t at[4];
};

__device__ inline Words philox(uint64_t counter, uint64_t stream, uint64_t key) {
  uint32_t c0 = static_cast<uint32_t>(counter), c1 = static_cast<uint32_t>(counter >> 32);
  uint32_t c2 = static_cast<uint32_t>(stream), c3 = static_cast<uint32_t>(stream >> 32);
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const uint32_t n0 = __umulhi(0xCD9E8D57, c2) ^ c1 ^ k0, n2 = __umulhi(0xD2511F53, c0) ^ c3 ^ k1;
    c1 = 0xCD9E8D57 * c2;
    c3 = 0xD2511F53 * c0;
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return {{c0, c1, c2, c3}};
}

/// A thread draws one counter. Its four words serve four pairs of neighbours, 32 elements apart, so that
/// the sixteen threads of a block of elements touch 32 neighbours with each word.
template <typename T, bool kPairs>
__global__ void __launch_bounds__(kThreads) drop(const T* __restrict__ x, T* __restrict__ out, uint64_t key,
                                                 uint64_t stream_id, uint32_t threshold, float scale, int64_t count) {
  const int64_t counters = (count + kElements - 1) / kElements * kLanes;
  for (int64_t c = blockIdx.x * kThreads + threadIdx.x; c < counters; c += gridDim.x * kThreads) {
    const Words words = philox(static_cast<uint64_t>(c), stream_id, key);
    const int64_t first = c / kLanes * kElements + c % kLanes * 2;
#pragma unroll
    for (int w = 0; w < 4; ++w) {
      const int64_t i = first + w * 2 * kLanes;
      const bool keep_low = (words.at[w] & 0xFFFF) >= threshold, keep_high = (words.at[w] >> 16) >= threshold;
      if (kPairs && i + 1 < count) {
        auto pair = load<2>(x + i);
        pair.at[0] = from_float<T>(keep_low ? to_float(pair.at[0]) * scale : 0.0f);
        pair.at[1] = from_float<T>(keep_high ? to_float(pair.at[1]) * scale : 0.0f);
        store(out + i, pair);
      } else {
        if (i < count) out[i] = from_float<T>(keep_low ? to_float(x[i]) * scale : 0.0f);
        if (i + 1 < count) out[i + 1] = from_float<T>(keep_high ? to_float(x[i + 1]) * scale : 0.0f);
      }
    }
  }
}

}  // namespace

int dropout(Type type, const void* x, void* out, uint64_t key, uint64_t stream_id, uint32_t threshold, float scale,
            int64_t count, void* stream) {
  if (count == 0) return 0;
  return by_type(type, [&](auto element) {
    using T = decltype(element);
    const bool pairs = aligned(x, 2 * sizeof(T)) && aligned(out, 2 * sizeof(T));
    const auto kernel = pairs ? drop<T, true> : drop<T, false>;
    const int64_t counters = (count + kElements - 1) / kElements * kLanes;
    kernel<<<blocks_for(counters, kThreads), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(
        static_cast<const T*>(x), static_cast<T*>(out), key, stream_id, threshold, scale, count);
  });
}

}  // namespace hone::cuda
