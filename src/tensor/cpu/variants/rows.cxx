// Products of few rows with a large matrix, compiled once for each instruction set like kernels.cxx. Each sum has one
// accumulator of its own and takes its products in one order, whatever tile it falls into: so a row's results are the
// same to the bit alone and among others.
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/variants/common.h"

namespace hone::cpu {
namespace {

#if defined(__AVX512F__)
constexpr int64_t kLanes = 16;
constexpr int kTall = 4, kWide = 6;  // rows and outputs of a tile: its sums fill the registers
#elif defined(__AVX2__)
constexpr int64_t kLanes = 8;
constexpr int kTall = 3, kWide = 4;
#else
constexpr int64_t kLanes = 4;
constexpr int kTall = 2, kWide = 4;
#endif
typedef float Vector __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));
typedef uint32_t Bits __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));
typedef uint16_t Halves __attribute__((vector_size(kLanes * 2), aligned(2), may_alias));

inline Vector load_vector(const float* from) {
  return *reinterpret_cast<const Vector*>(from);
}
inline Vector load_vector(const BFloat16* from) {
  return (Vector)(__builtin_convertvector(*reinterpret_cast<const Halves*>(from), Bits) << 16);
}
/// The first `count` of a vector, then zeros.
template <typename T>
inline Vector load_part(const T* from, int64_t count) {
  float part[kLanes] = {};
  for (int64_t i = 0; i < count; ++i) part[i] = load(from[i]);
  return *reinterpret_cast<const Vector*>(part);
}

inline float total(Vector sum) {
  float part[kLanes];
  *reinterpret_cast<Vector*>(part) = sum;
  for (int64_t width = kLanes / 2; width > 0; width /= 2) {
    for (int64_t i = 0; i < width; ++i) part[i] += part[i + width];
  }
  return part[0];
}

/// Not inlined, so that every tile does the same arithmetic here.
template <typename T>
__attribute__((noinline)) void finish(const RowProduct& p, int64_t row, int64_t out, int64_t count, const float* sums) {
  T* to = static_cast<T*>(p.y) + row * p.y_row + out;
  const T* bias = p.bias != nullptr ? static_cast<const T*>(p.bias) + out : nullptr;
  for (int64_t i = 0; i < count; ++i) {
    float value = p.scale * sums[i];
    if (bias != nullptr) value += load(bias[i]);
    if (p.add) value += load(to[i]);
    store(to[i], value);
  }
}

/// Outputs out … out+N-1 of M rows, where an output's weights lie side by side.
template <typename T, int M, int N>
inline void dot_tile(const RowProduct& p, int64_t row, int64_t out) {
  const float* x = p.x + row * p.depth;
  const T* w = static_cast<const T*>(p.w) + out * p.w_row;
  Vector sum[M][N] = {};
  int64_t k = 0;
  for (; k + kLanes <= p.depth; k += kLanes) {
    Vector left[M];
    for (int m = 0; m < M; ++m) left[m] = load_vector(x + m * p.depth + k);
    for (int n = 0; n < N; ++n) {
      const Vector right = load_vector(w + n * p.w_row + k);
      for (int m = 0; m < M; ++m) sum[m][n] += left[m] * right;
    }
  }
  if (const int64_t rest = p.depth - k; rest > 0) {
    for (int n = 0; n < N; ++n) {
      const Vector right = load_part(w + n * p.w_row + k, rest);
      for (int m = 0; m < M; ++m) sum[m][n] += load_part(x + m * p.depth + k, rest) * right;
    }
  }
  for (int m = 0; m < M; ++m) {
    float sums[N];
    for (int n = 0; n < N; ++n) sums[n] = total(sum[m][n]);
    finish<T>(p, row + m, out, N, sums);
  }
}

/// Outputs out … out+count-1, N vectors of them, of M rows, where the weights of one k lie side by side.
template <typename T, int M, int N>
inline void turned_tile(const RowProduct& p, int64_t row, int64_t out, int64_t count) {
  const float* x = p.x + row * p.depth;
  const T* w = static_cast<const T*>(p.w) + out;
  const bool whole = count == N * kLanes;  // else N is 1
  Vector sum[M][N] = {};
  for (int64_t k = 0; k < p.depth; ++k) {
    Vector right[N];
    for (int n = 0; n < N; ++n) {
      const T* from = w + k * p.w_row + n * kLanes;
      right[n] = whole ? load_vector(from) : load_part(from, count);
    }
    for (int m = 0; m < M; ++m) {
      const float left = x[m * p.depth + k];
      for (int n = 0; n < N; ++n) sum[m][n] += left * right[n];
    }
  }
  for (int m = 0; m < M; ++m) {
    float sums[N * kLanes];
    for (int n = 0; n < N; ++n) *reinterpret_cast<Vector*>(sums + n * kLanes) = sum[m][n];
    finish<T>(p, row + m, out, count, sums);
  }
}

template <typename T, bool Turned, int M, int N>
inline void tile(const RowProduct& p, int64_t row, int64_t out, int64_t count) {
  if constexpr (Turned)
    turned_tile<T, M, N>(p, row, out, count);
  else
    dot_tile<T, M, N>(p, row, out);
}

/// The weights of one group of outputs stay in cache while all rows go by.
template <typename T, bool Turned, int N>
inline void tiles_down(const RowProduct& p, int64_t out, int64_t count) {
  int64_t row = 0;
  for (; row + kTall <= p.rows; row += kTall) tile<T, Turned, kTall, N>(p, row, out, count);
  switch (p.rows - row) {
    case 3: return tile<T, Turned, 3, N>(p, row, out, count);
    case 2: return tile<T, Turned, 2, N>(p, row, out, count);
    case 1: return tile<T, Turned, 1, N>(p, row, out, count);
    default: return;
  }
}

template <typename T, bool Turned>
void outputs(const RowProduct& p, int64_t begin, int64_t end) {
  constexpr int64_t kOne = Turned ? kLanes : 1;
  int64_t out = begin;
  for (; out + kWide * kOne <= end; out += kWide * kOne) tiles_down<T, Turned, kWide>(p, out, kWide * kOne);
  for (; out < end; out += kOne) tiles_down<T, Turned, 1>(p, out, end - out < kOne ? end - out : kOne);
}

}  // namespace

void HONE_VARIANT(row_product)(const RowProduct& p, int64_t begin, int64_t end) {
  if (p.type == Type::kFloat32)
    p.turned ? outputs<float, true>(p, begin, end) : outputs<float, false>(p, begin, end);
  else
    p.turned ? outputs<BFloat16, true>(p, begin, end) : outputs<BFloat16, false>(p, begin, end);
}

}  // namespace hone::cpu
