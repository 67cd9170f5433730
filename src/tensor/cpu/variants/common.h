// What the kernels share: elements, the exponential, names of a variant. Functions have internal linkage, so that
// each variant compiles its own.
#pragma once
#include <cmath>
#include <cstdint>

#include "tensor/cpu/kernels.h"

namespace hone::cpu {
namespace {

struct BFloat16 {
  uint16_t bits;
};

inline float as_float(uint32_t bits) {
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

inline uint32_t as_bits(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline float load(float value) {
  return value;
}
inline float load(BFloat16 value) {
  return as_float(uint32_t{value.bits} << 16);
}
inline void store(float& to, float value) {
  to = value;
}
/// Round to nearest even; NaN stays NaN because its mantissa's top bit survives the shift.
inline void store(BFloat16& to, float value) {
  const uint32_t bits = as_bits(value);
  const uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
  to.bits = static_cast<uint16_t>((bits & 0x7FFFFFFF) > 0x7F800000 ? (bits >> 16) | 0x40 : rounded);
}

/// exp for the vector unit: 2^n · p(r), r in ±ln2/2, degree-6 minimax; about 1 ulp, 0 below -87.3.
inline float exp_fast(float x) {
  const float clamped = x < -87.3f ? -87.3f : x > 88.7f ? 88.7f : x;
  const float n = __builtin_floorf(clamped * 1.44269504088896341f + 0.5f);
  float r = clamped - n * 0.693359375f;
  r -= n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const float power = as_float(static_cast<uint32_t>(static_cast<int32_t>(n) + 127) << 23);
  const float value = p * power;
  return x < -87.3f ? 0.0f : x != x ? x : value;
}

inline float sigmoid(float x) {
  return 1.0f / (1.0f + exp_fast(-x));
}

}  // namespace

// A function or table of this variant, by its name: kernels_avx2, attention_forward_avx2, …
#define HONE_VARIANT2(name, variant) name##_##variant
#define HONE_VARIANT1(name, variant) HONE_VARIANT2(name, variant)
#define HONE_VARIANT(name) HONE_VARIANT1(name, HONE_KERNELS)

// adamw8bit.cxx
void HONE_VARIANT(adamw_8bit)(const AdamW8bitStep& step, const float* gradient, float* value, uint8_t* first,
                              uint8_t* second, float* first_scales, float* second_scales, int64_t count, int64_t begin,
                              int64_t end);

// attention.cxx
int64_t HONE_VARIANT(attention_scratch)(int64_t length, int64_t dim, bool backward);
void HONE_VARIANT(attention_forward)(const AttentionItem& item, const void* q, const void* k, const void* v, void* out,
                                     float* logsumexp, float* scratch);
void HONE_VARIANT(attention_backward)(const AttentionItem& item, const void* q, const void* k, const void* v,
                                      const void* out, const float* logsumexp, const void* dout, void* dq, float* dk,
                                      float* dv, float* scratch);
// rows.cxx
void HONE_VARIANT(row_product)(const RowProduct& product, int64_t begin, int64_t end);
// quantized.cxx
void HONE_VARIANT(quantize4)(const float* x, int64_t count, float scale, bool divide, const float* bounds,
                             uint8_t* places);
void HONE_VARIANT(dequantize4)(Type type, const uint8_t* codes, int64_t first, int64_t count, const float* table,
                               const float* scales, int64_t block, void* out);
void HONE_VARIANT(dequantize8)(Type type, const int8_t* codes, float scale, int64_t count, void* out);

}  // namespace hone::cpu
