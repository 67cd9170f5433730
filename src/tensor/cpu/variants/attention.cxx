// Causal attention of one head over one sequence, compiled once for each instruction set like kernels.cxx.
// Keys are taken in blocks of kBlock; for each, the queries from the same block on. Whatever the type of the
// tensors, the products are in fp32 on copies in scratch.
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/variants/common.h"

namespace hone::cpu {
namespace {

#if defined(__AVX512F__)
constexpr int64_t kLanes = 16;
constexpr int kWide = 4;  // vectors side by side in a tile: 6 x 4 sums fill the registers
#elif defined(__AVX2__)
constexpr int64_t kLanes = 8;
constexpr int kWide = 2;
#else
constexpr int64_t kLanes = 4;
constexpr int kWide = 2;
#endif
constexpr int kTall = 6;
typedef float Vector __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));

constexpr int64_t kBlock = 64;
/// Rows of scratch are whole vectors, filled with zeros.
inline int64_t padded(int64_t dim) {
  return (dim + 15) / 16 * 16;
}

/// A matrix whose element (i, k) lies at data[i * row + k * column]: also a transposed one.
struct Left {
  const float* data;
  int64_t row, column;
};

/// c[M, N] (+)= a[M, K] · b[K, N] for a tile that stays in registers.
template <int M, int N>
inline void tile(const Left& a, const float* b, int64_t b_row, int64_t depth, float* c, int64_t c_row, bool add) {
  Vector sum[M][N];
  for (int m = 0; m < M; ++m) {
    for (int n = 0; n < N; ++n)
      sum[m][n] = add ? *reinterpret_cast<const Vector*>(c + m * c_row + n * kLanes) : Vector{};
  }
  for (int64_t k = 0; k < depth; ++k) {
    Vector right[N];
    for (int n = 0; n < N; ++n) right[n] = *reinterpret_cast<const Vector*>(b + k * b_row + n * kLanes);
    for (int m = 0; m < M; ++m) {
      const float left = a.data[m * a.row + k * a.column];
      for (int n = 0; n < N; ++n) sum[m][n] += left * right[n];
    }
  }
  for (int m = 0; m < M; ++m) {
    for (int n = 0; n < N; ++n) *reinterpret_cast<Vector*>(c + m * c_row + n * kLanes) = sum[m][n];
  }
}

template <int N>
inline void tiles_down(int64_t rows, Left a, const float* b, int64_t b_row, int64_t depth, float* c, int64_t c_row,
                       bool add) {
  for (; rows >= kTall; rows -= kTall) {
    tile<kTall, N>(a, b, b_row, depth, c, c_row, add);
    a.data += kTall * a.row;
    c += kTall * c_row;
  }
  switch (rows) {
    case 5: return tile<5, N>(a, b, b_row, depth, c, c_row, add);
    case 4: return tile<4, N>(a, b, b_row, depth, c, c_row, add);
    case 3: return tile<3, N>(a, b, b_row, depth, c, c_row, add);
    case 2: return tile<2, N>(a, b, b_row, depth, c, c_row, add);
    case 1: return tile<1, N>(a, b, b_row, depth, c, c_row, add);
    default: return;
  }
}

/// c[rows, columns] (+)= a · b; `columns` is a multiple of 16.
void multiply(int64_t rows, int64_t columns, int64_t depth, const Left& a, const float* b, int64_t b_row, float* c,
              int64_t c_row, bool add) {
  int64_t n = 0;
  for (; n + kWide * kLanes <= columns; n += kWide * kLanes)
    tiles_down<kWide>(rows, a, b + n, b_row, depth, c + n, c_row, add);
  for (; n < columns; n += kLanes) tiles_down<1>(rows, a, b + n, b_row, depth, c + n, c_row, add);
}

/// One head of consecutive rows.
template <typename T>
struct Head {
  T* data;
  int64_t stride;
  Head(T* batch, int64_t first, int64_t heads, int64_t head, int64_t dim)
      : data(batch + (first * heads + head) * dim), stride(heads * dim) {}
  T* row(int64_t i) const { return data + i * stride; }
};

/// to[rows, padded(dim)] = from · factor
template <typename T>
void copy_rows(const Head<const T>& from, int64_t begin, int64_t rows, int64_t dim, float factor, float* to) {
  const int64_t width = padded(dim);
  for (int64_t i = 0; i < rows; ++i, to += width) {
    const T* in = from.row(begin + i);
#pragma omp simd
    for (int64_t d = 0; d < dim; ++d) to[d] = load(in[d]) * factor;
    for (int64_t d = dim; d < width; ++d) to[d] = 0;
  }
}

/// to[dim, kBlock] = the transposed rows; missing ones are 0.
template <typename T>
void copy_columns(const Head<const T>& from, int64_t begin, int64_t rows, int64_t dim, float* to) {
  for (int64_t i = 0; i < kBlock; ++i) {
    const T* in = i < rows ? from.row(begin + i) : nullptr;
    for (int64_t d = 0; d < dim; ++d) to[d * kBlock + i] = in != nullptr ? load(in[d]) : 0.0f;
  }
}

/// How many keys of a block the query at `row` of a query block sees.
inline int64_t seen(bool diagonal, int64_t row, int64_t keys) {
  return diagonal ? row + 1 : keys;
}

/// Scores of one query and one block become probabilities relative to the largest score so far; what was
/// summed up before is brought to the same measure.
inline void absorb(float* scores, int64_t count, float& largest, float& sum, float* out, int64_t width) {
  float top = largest;
#pragma omp simd reduction(max : top)
  for (int64_t j = 0; j < count; ++j) top = scores[j] > top ? scores[j] : top;
  const float shrink = exp_fast(largest - top);
  float total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t j = 0; j < count; ++j) {
    scores[j] = exp_fast(scores[j] - top);
    total += scores[j];
  }
  for (int64_t j = count; j < kBlock; ++j) scores[j] = 0;
  sum = sum * shrink + total;
  if (top != largest) {
#pragma omp simd
    for (int64_t d = 0; d < width; ++d) out[d] *= shrink;
  }
  largest = top;
}

template <typename T>
void forward(const AttentionItem& item, const T* q_, const T* k_, const T* v_, T* out_, float* logsumexp,
             float* scratch) {
  const int64_t length = item.length, dim = item.dim, width = padded(dim);
  const int64_t kv_head = item.head / (item.heads / item.kv_heads);
  const Head<const T> q(q_, item.first, item.heads, item.head, dim), k(k_, item.first, item.kv_heads, kv_head, dim),
      v(v_, item.first, item.kv_heads, kv_head, dim);
  const Head<T> out(out_, item.first, item.heads, item.head, dim);
  float* queries = scratch;
  float* sums = queries + length * width;
  float* largest = sums + length * width;
  float* totals = largest + length;
  float* keys = totals + length;  // [dim, kBlock]
  float* values = keys + width * kBlock;
  float* scores = values + kBlock * width;
  copy_rows(q, 0, length, dim, item.scale, queries);
  for (int64_t i = 0; i < length * width; ++i) sums[i] = 0;
  for (int64_t i = 0; i < length; ++i) largest[i] = -__builtin_inff(), totals[i] = 0;

  for (int64_t begin = 0; begin < length; begin += kBlock) {
    const int64_t count = length - begin < kBlock ? length - begin : kBlock;
    copy_columns(k, begin, count, dim, keys);
    copy_rows(v, begin, count, dim, 1.0f, values);
    for (int64_t row = begin; row < length; row += kBlock) {
      const int64_t rows = length - row < kBlock ? length - row : kBlock;
      multiply(rows, kBlock, dim, {queries + row * width, width, 1}, keys, kBlock, scores, kBlock, false);
      for (int64_t i = 0; i < rows; ++i) {
        absorb(scores + i * kBlock, seen(row == begin, i, count), largest[row + i], totals[row + i],
               sums + (row + i) * width, width);
      }
      multiply(rows, width, count, {scores, kBlock, 1}, values, width, sums + row * width, width, true);
    }
  }
  for (int64_t i = 0; i < length; ++i) {
    const float factor = 1.0f / totals[i];
    const float* sum = sums + i * width;
    T* to = out.row(i);
#pragma omp simd
    for (int64_t d = 0; d < dim; ++d) store(to[d], sum[d] * factor);
    logsumexp[(item.first + i) * item.heads + item.head] = largest[i] + __builtin_logf(totals[i]);
  }
}

/// With P the probabilities and D = Σ_d dout·out:  dV = Pᵀ dO,  dS = P (dO Vᵀ − D),  dQ = dS K,  dK = dSᵀ Q.
/// P and dP become P and dS.
inline void score_gradient(float* probability, float* gradient, int64_t count, float logsumexp, float delta) {
#pragma omp simd
  for (int64_t j = 0; j < count; ++j) {
    probability[j] = exp_fast(probability[j] - logsumexp);
    gradient[j] = probability[j] * (gradient[j] - delta);
  }
  for (int64_t j = count; j < kBlock; ++j) probability[j] = gradient[j] = 0;
}

template <typename T>
float dot(const T* a, const T* b, int64_t count) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) sum += load(a[i]) * load(b[i]);
  return sum;
}

template <typename T>
void backward(const AttentionItem& item, const T* q_, const T* k_, const T* v_, const T* out_, const float* logsumexp,
              const T* dout_, T* dq_, float* dk_, float* dv_, float* scratch) {
  const int64_t length = item.length, dim = item.dim, width = padded(dim);
  const int64_t kv_head = item.head / (item.heads / item.kv_heads);
  const Head<const T> q(q_, item.first, item.heads, item.head, dim), k(k_, item.first, item.kv_heads, kv_head, dim),
      v(v_, item.first, item.kv_heads, kv_head, dim), out(out_, item.first, item.heads, item.head, dim),
      dout(dout_, item.first, item.heads, item.head, dim);
  const Head<T> dq(dq_, item.first, item.heads, item.head, dim);
  const Head<float> dk(dk_, item.first, item.heads, item.head, dim), dv(dv_, item.first, item.heads, item.head, dim);
  float* queries = scratch;                    // [length, width], scaled
  float* upstream = queries + length * width;  // dO
  float* dqueries = upstream + length * width;
  float* delta = dqueries + length * width;  // [length]
  float* keys = delta + length;              // [kBlock, width]
  float* keys_t = keys + kBlock * width;     // [dim, kBlock]
  float* values_t = keys_t + width * kBlock;
  float* dkeys = values_t + width * kBlock;  // [kBlock, width]
  float* dvalues = dkeys + kBlock * width;
  float* scores = dvalues + kBlock * width;  // [kBlock, kBlock]
  float* dscores = scores + kBlock * kBlock;
  copy_rows(q, 0, length, dim, item.scale, queries);
  copy_rows(dout, 0, length, dim, 1.0f, upstream);
  for (int64_t i = 0; i < length * width; ++i) dqueries[i] = 0;
  for (int64_t i = 0; i < length; ++i) delta[i] = dot(dout.row(i), out.row(i), dim);

  for (int64_t begin = 0; begin < length; begin += kBlock) {
    const int64_t count = length - begin < kBlock ? length - begin : kBlock;
    copy_rows(k, begin, count, dim, 1.0f, keys);
    copy_columns(k, begin, count, dim, keys_t);
    copy_columns(v, begin, count, dim, values_t);
    for (int64_t row = begin; row < length; row += kBlock) {
      const int64_t rows = length - row < kBlock ? length - row : kBlock;
      const float *queries_here = queries + row * width, *upstream_here = upstream + row * width;
      multiply(rows, kBlock, dim, {queries_here, width, 1}, keys_t, kBlock, scores, kBlock, false);
      multiply(rows, kBlock, dim, {upstream_here, width, 1}, values_t, kBlock, dscores, kBlock, false);
      for (int64_t i = 0; i < rows; ++i) {
        score_gradient(scores + i * kBlock, dscores + i * kBlock, seen(row == begin, i, count),
                       logsumexp[(item.first + row + i) * item.heads + item.head], delta[row + i]);
      }
      const bool add = row > begin;
      multiply(count, width, rows, {scores, 1, kBlock}, upstream_here, width, dvalues, width, add);
      multiply(count, width, rows, {dscores, 1, kBlock}, queries_here, width, dkeys, width, add);
      multiply(rows, width, count, {dscores, kBlock, 1}, keys, width, dqueries + row * width, width, true);
    }
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t d = 0; d < dim; ++d) {
        dk.row(begin + i)[d] = dkeys[i * width + d];  // the queries carry the scale
        dv.row(begin + i)[d] = dvalues[i * width + d];
      }
    }
  }
  for (int64_t i = 0; i < length; ++i) {
    T* to = dq.row(i);
#pragma omp simd
    for (int64_t d = 0; d < dim; ++d) store(to[d], dqueries[i * width + d] * item.scale);
  }
}

}  // namespace

int64_t HONE_VARIANT(attention_scratch)(int64_t length, int64_t dim, bool backward) {
  const int64_t width = padded(dim);
  return backward ? 3 * length * width + length + 5 * kBlock * width + 2 * kBlock * kBlock
                  : 2 * length * width + 2 * length + 2 * kBlock * width + kBlock * kBlock;
}

void HONE_VARIANT(attention_forward)(const AttentionItem& item, const void* q, const void* k, const void* v, void* out,
                                     float* logsumexp, float* scratch) {
  if (item.type == Type::kFloat32) {
    forward(item, (const float*)q, (const float*)k, (const float*)v, (float*)out, logsumexp, scratch);
  } else {
    forward(item, (const BFloat16*)q, (const BFloat16*)k, (const BFloat16*)v, (BFloat16*)out, logsumexp, scratch);
  }
}

void HONE_VARIANT(attention_backward)(const AttentionItem& item, const void* q, const void* k, const void* v,
                                      const void* out, const float* logsumexp, const void* dout, void* dq, float* dk,
                                      float* dv, float* scratch) {
  if (item.type == Type::kFloat32) {
    backward(item, (const float*)q, (const float*)k, (const float*)v, (const float*)out, logsumexp, (const float*)dout,
             (float*)dq, dk, dv, scratch);
  } else {
    backward(item, (const BFloat16*)q, (const BFloat16*)k, (const BFloat16*)v, (const BFloat16*)out, logsumexp,
             (const BFloat16*)dout, (BFloat16*)dq, dk, dv, scratch);
  }
}

}  // namespace hone::cpu
