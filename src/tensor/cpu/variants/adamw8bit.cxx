// AdamW with 8-bit moments over blocks. Compiled once for each instruction set, without contraction: where the
// reference multiplies and adds in one rounding and where in two is written out.
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/variants/common.h"

namespace hone::cpu {
namespace {

constexpr int64_t kBlock = 256;

/// a·b + c in one rounding. Without the instruction, float64 holds the product whole and the sum nearly so.
inline float fused(float a, float b, float c) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  return __builtin_fmaf(a, b, c);
#else
  return static_cast<float>(static_cast<double>(a) * static_cast<double>(b) + static_cast<double>(c));
#endif
}

inline bool finite(float value) {
  return (as_bits(value) & 0x7F800000) != 0x7F800000;
}

/// Values of one block to codes, through the table over 65,536 steps of [-1, 1].
inline void quantize(const float* values, float largest, const uint8_t* nearest, int64_t count, uint8_t* codes) {
  const float inverse = largest > 0 ? 1.0f / largest : 0.0f;
  uint16_t steps[kBlock];
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const float x = values[i] * inverse;
    const float inside = x < -1.0f ? -1.0f : x > 1.0f ? 1.0f : x;
    steps[i] = static_cast<uint16_t>(static_cast<int32_t>(fused((inside + 1.0f) * 0.5f, 65535.0f, 0.5f)));
  }
  // A block of zeros has code 0 everywhere: its scale of 0 is what makes them zeros again.
  if (!(largest > 0)) {
    for (int64_t i = 0; i < count; ++i) codes[i] = 0;
    return;
  }
  for (int64_t i = 0; i < count; ++i) codes[i] = nearest[steps[i]];
}

/// One block: moments out of their codes, the step, and back.
inline void step_block(const AdamW8bitStep& s, const float* gradient, float* value, uint8_t* first, uint8_t* second,
                       float* first_scale, float* second_scale, int64_t count) {
  float m[kBlock], v[kBlock];
  const float scale1 = *first_scale, scale2 = *second_scale;
  for (int64_t i = 0; i < count; ++i) m[i] = s.first_map[first[i]];
  for (int64_t i = 0; i < count; ++i) v[i] = s.second_map[second[i]];
  float largest1 = 0, largest2 = 0;
#pragma omp simd reduction(max : largest1, largest2)
  for (int64_t i = 0; i < count; ++i) {
    const float g = gradient[i];
    const float m1 = fused(g, s.one_less_beta1, m[i] * scale1 * s.beta1);
    const float v1 = fused(s.one_less_beta2 * g, g, v[i] * scale2 * s.beta2);
    const float root = __builtin_sqrtf(v1) / s.correction2 + s.epsilon;
    const float moved = value[i] * s.decay + s.rate * m1 / root;
    const bool usable = finite(g);
    value[i] = usable ? moved : value[i];
    m[i] = usable ? m1 : 0.0f;
    v[i] = usable ? v1 : 0.0f;
    const float a1 = __builtin_fabsf(m[i]), a2 = v[i];
    largest1 = a1 > largest1 ? a1 : largest1;
    largest2 = a2 > largest2 ? a2 : largest2;
  }
  *first_scale = largest1;
  *second_scale = largest2;
  quantize(m, largest1, s.first_nearest, count, first);
  quantize(v, largest2, s.second_nearest, count, second);
}

}  // namespace

void HONE_VARIANT(adamw_8bit)(const AdamW8bitStep& step, const float* gradient, float* value, uint8_t* first,
                              uint8_t* second, float* first_scales, float* second_scales, int64_t count, int64_t begin,
                              int64_t end) {
  for (int64_t block = begin; block < end; ++block) {
    const int64_t at = block * kBlock, length = count - at < kBlock ? count - at : kBlock;
    step_block(step, gradient + at, value + at, first + at, second + at, first_scales + block, second_scales + block,
               length);
  }
}

}  // namespace hone::cpu
