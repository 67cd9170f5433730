// Fused operators: one function each, with a CPU kernel and a portable version built from libtorch
// operators that any device runs. `portable` in a name forces the latter; tests hold both equal.
// None of these take part in autograd: src/model calls them inside its own forward and backward. (The
// portable forwards but dropout are made of operators that autograd knows: model/composed_block builds on them.)
// What is said to be fp32 here is float64 for float64 inputs, which only the portable versions take.
#pragma once
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace hone::tensor {

/// Names the random numbers of one dropout: (seed, step) as key, the place in the model as stream.
struct DropoutKey {
  uint64_t key = 0;
  uint64_t stream = 0;
};

/// y = x · rstd · weight with rstd = (mean(x²) + eps)^-1/2 (Zhang & Sennrich 2019). x [N, D], weight [D]
/// of the same type. Returns y and rstd [N] fp32.
std::pair<Tensor, Tensor> rms_norm(const Tensor& x, const Tensor& weight, double eps);
/// dx [N, D] += the gradient through rms_norm. Returns dweight [D] fp32 when `want_weight`.
Tensor rms_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& weight, const Tensor& rstd, Tensor& dx,
                         bool want_weight);

/// Rotary embedding (Su et al. 2021) in place on x [N, heads, dim], in the two-halves convention of
/// Hugging Face: dimension i turns with i + dim/2. positions [N] int64; cos, sin fp32 [P, dim/2].
void rope(Tensor& x, const Tensor& positions, const Tensor& cos, const Tensor& sin, bool backward);

/// silu(gate) · up.
Tensor silu_mul(const Tensor& gate, const Tensor& up);
/// Overwrites gate and up with their gradients.
void silu_mul_backward(const Tensor& dout, Tensor& gate, Tensor& up);

/// Zeroes each element with probability p (rounded to 1/65536) and scales the rest by 1/(1-p).
/// A pure function of the key and the element's index: backward calls it again on the gradient.
Tensor dropout(const Tensor& x, double p, DropoutKey key);

/// Uniform draws in ±bounds[i] for the rows cu_seqlens[i] … cu_seqlens[i+1] of a tensor like x [N, D]; rows after the
/// last get 0. A pure function of the key and of an element's place.
Tensor uniform_noise(const Tensor& x, std::span<const int64_t> cu_seqlens, std::span<const double> bounds,
                     DropoutKey key);

/// For logits [N, V] and targets [N] int64: losses [N] fp32 and correct [N] bool (the target is the
/// first largest). With `row_scale` [N] fp32, logits are overwritten by their gradient
/// (softmax - onehot) · row_scale.
std::pair<Tensor, Tensor> cross_entropy(Tensor& logits, const Tensor& targets, const Tensor& row_scale);

namespace portable {
std::pair<Tensor, Tensor> rms_norm(const Tensor& x, const Tensor& weight, double eps);
Tensor rms_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& weight, const Tensor& rstd, Tensor& dx,
                         bool want_weight);
void rope(Tensor& x, const Tensor& positions, const Tensor& cos, const Tensor& sin, bool backward);
Tensor silu_mul(const Tensor& gate, const Tensor& up);
void silu_mul_backward(const Tensor& dout, Tensor& gate, Tensor& up);
Tensor dropout(const Tensor& x, double p, DropoutKey key);
/// `bounds` of each row.
Tensor uniform_noise(const Tensor& x, const std::vector<float>& bounds, DropoutKey key);
std::pair<Tensor, Tensor> cross_entropy(Tensor& logits, const Tensor& targets, const Tensor& row_scale);
}  // namespace portable

}  // namespace hone::tensor
