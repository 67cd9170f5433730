// AdamW whose two moments take a byte each (Dettmers et al. 2022, "8-bit Optimizers via Block-wise Quantization"), as
// bitsandbytes computes it on a CPU: blocks of 256 elements with their largest magnitude as scale, codes of the
// dynamic maps of Dettmers 2016.
#pragma once
#include <cstdint>

#include "tensor/dynamic_map.h"
#include "tensor/tensor.h"

namespace hone::tensor {

/// Moments of one tensor of `count` elements. All zero at first: what a code decodes to is times its block's scale.
struct EightBitMoments {
  Tensor first, second;                ///< uint8 [count], codes of the signed and the unsigned map
  Tensor first_scales, second_scales;  ///< fp32 [blocks], the largest magnitude of each block
};
EightBitMoments eight_bit_moments(int64_t count, const c10::Device& device);

struct AdamW8bitOptions {
  double learning_rate = 0, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
  int64_t step = 1;  ///< counted from 1
};

/// One step on fp32 `value` and `gradient` of equal shape, contiguous, in place:
/// p ← p (1 − lr·wd);  m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²;  p ← p − lr/(1−β₁ᵗ) · m / (√v/√(1−β₂ᵗ) + ε),
/// with m and v before they are rounded to codes again. A code is the nearest to the value rounded to one of 65,536
/// equal steps over [-1, 1], which is how bitsandbytes finds it on a CPU: magnitudes below 1.5e-5 of the block's
/// largest, 0 among them, have one code.
/// An element whose gradient is NaN or infinite keeps its value and its moments become 0, as on bitsandbytes' GPUs.
void adamw_8bit(Tensor& value, const Tensor& gradient, EightBitMoments& moments, const AdamW8bitOptions& options);

namespace portable {
void adamw_8bit(Tensor& value, const Tensor& gradient, EightBitMoments& moments, const AdamW8bitOptions& options);
}

}  // namespace hone::tensor
