// Weights in 4 and 8 bits, one way and back. Every variant gives the same bits: nothing here is summed.
#ifdef __AVX512F__
#include <immintrin.h>
#endif

#include "tensor/cpu/variants/common.h"

namespace hone::cpu {
namespace {

float clamp_one(float x) {
  return x > 1.0f ? 1.0f : x < -1.0f ? -1.0f : x;
}

/// One weight at a time, for the ends of runs.
template <typename T>
void dequantize_slowly(const uint8_t* codes, int64_t first, int64_t count, const float* table, float scale, T* out) {
  for (int64_t i = first; i < first + count; ++i) {
    const uint8_t pair = codes[i / 2];
    store(out[i - first], table[i % 2 == 0 ? pair >> 4 : pair & 15] * scale);
  }
}

#ifdef __AVX512F__

inline void store16(float* out, __m512 values) {
  _mm512_storeu_ps(out, values);
}

/// Round to nearest even; scaled codes are never NaN.
inline void store16(BFloat16* out, __m512 values) {
  const __m512i bits = _mm512_castps_si512(values);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16)));
}

/// Sixteen weights from eight bytes.
template <typename T>
int64_t dequantize_fast(const uint8_t* pairs, int64_t count, const float* table, float scale, T* out) {
  const __m512 values = _mm512_loadu_ps(table), factor = _mm512_set1_ps(scale);
  const __m128i low = _mm_set1_epi8(15);
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(pairs + i / 2));
    const __m128i halves = _mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi16(bytes, 4), low), _mm_and_si128(bytes, low));
    const __m512 found = _mm512_permutexvar_ps(_mm512_cvtepu8_epi32(halves), values);
    store16(out + i, _mm512_mul_ps(found, factor));
  }
  return i;
}

#else

template <typename T>
int64_t dequantize_fast(const uint8_t* pairs, int64_t count, const float* table, float scale, T* out) {
  float scaled[16];
  for (int64_t i = 0; i < 16; ++i) scaled[i] = table[i] * scale;
  for (int64_t i = 0; i + 2 <= count; i += 2) {
    const uint8_t pair = pairs[i / 2];
    store(out[i], scaled[pair >> 4]);
    store(out[i + 1], scaled[pair & 15]);
  }
  return count / 2 * 2;
}

#endif

/// A run of codes that may begin and end inside blocks.
template <typename T>
void dequantize_run(const uint8_t* codes, int64_t first, int64_t count, const float* table, const float* scales,
                    int64_t block, T* out) {
  const int64_t end = first + count, first_block = first / block;
  for (int64_t at = first; at < end;) {
    const int64_t number = at / block, stop = (number + 1) * block < end ? (number + 1) * block : end;
    const float scale = scales[number - first_block];
    if (at % 2 == 1) {
      dequantize_slowly(codes, at, 1, table, scale, out + (at - first));
      ++at;
    }
    at += dequantize_fast(codes + at / 2, stop - at, table, scale, out + (at - first));
    dequantize_slowly(codes, at, stop - at, table, scale, out + (at - first));
    at = stop;
  }
}

template <typename T>
void dequantize_row(const int8_t* codes, float scale, int64_t count, T* out) {
  constexpr float kOverLargest = 7.874015718698502e-3f;  // 1 / 127
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) store(out[i], static_cast<float>(codes[i]) * scale * kOverLargest);
}

}  // namespace

void HONE_VARIANT(quantize4)(const float* x, int64_t count, float scale, bool divide, const float* bounds,
                             uint8_t* places) {
  for (int64_t begin = 0; begin < count; begin += 64) {
    const int64_t width = count - begin < 64 ? count - begin : 64;
    float scaled[64] = {};
    int32_t place[64] = {};
    for (int64_t i = 0; i < width; ++i) scaled[i] = clamp_one(divide ? x[begin + i] / scale : x[begin + i] * scale);
    for (int64_t b = 0; b < 15; ++b) {
      const float bound = bounds[b];
      for (int64_t i = 0; i < 64; ++i) place[i] += bound < scaled[i] ? 1 : 0;
    }
    for (int64_t i = 0; i < width; ++i) places[begin + i] = static_cast<uint8_t>(place[i]);
  }
}

void HONE_VARIANT(dequantize4)(Type type, const uint8_t* codes, int64_t first, int64_t count, const float* table,
                               const float* scales, int64_t block, void* out) {
  if (type == Type::kFloat32)
    dequantize_run(codes, first, count, table, scales, block, static_cast<float*>(out));
  else
    dequantize_run(codes, first, count, table, scales, block, static_cast<BFloat16*>(out));
}

void HONE_VARIANT(dequantize8)(Type type, const int8_t* codes, float scale, int64_t count, void* out) {
  if (type == Type::kFloat32)
    dequantize_row(codes, scale, count, static_cast<float*>(out));
  else
    dequantize_row(codes, scale, count, static_cast<BFloat16*>(out));
}

}  // namespace hone::cpu
