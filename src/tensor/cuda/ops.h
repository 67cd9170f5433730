// The operators of tensor/ops.h and tensor/attention.h on a GPU. Called by these alone, which choose them
// where serves() or attends() is true.
#pragma once
#include <span>
#include <utility>

#include "tensor/attention.h"
#include "tensor/ops.h"

namespace hone::tensor::gpu {

/// True where a kernel of libhone_cuda.so can work on x: contiguous fp32, bf16 or fp16 on a GPU.
bool serves(const Tensor& x);
/// The same but for contiguity.
bool serves_strided(const Tensor& x);

std::pair<Tensor, Tensor> rms_norm(const Tensor& x, const Tensor& weight, double eps);
Tensor rms_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& weight, const Tensor& rstd, Tensor& dx,
                         bool want_weight);
void rope(Tensor& x, const Tensor& positions, const Tensor& cos, const Tensor& sin, bool backward);
Tensor silu_mul(const Tensor& gate, const Tensor& up);
void silu_mul_backward(const Tensor& dout, Tensor& gate, Tensor& up);
Tensor dropout(const Tensor& x, uint32_t threshold, float scale, DropoutKey key);
std::pair<Tensor, Tensor> cross_entropy(Tensor& logits, const Tensor& targets, const Tensor& row_scale);

/// True where libtorch has an attention kernel for this type and head size on this GPU.
bool attends(const Tensor& q, double scale);
/// All sequences in one launch; what backward needs is one entry of AttentionSaved.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, std::span<const int64_t> cu_seqlens, double scale,
                 AttentionSaved* saved);
/// Repeats bit by bit, as the CPU's does: a continued run must give what the unbroken one would have.
void attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& out,
                        const AttentionSaved& saved, std::span<const int64_t> cu_seqlens, double scale, Tensor& dq,
                        Tensor& dk, Tensor& dv);

}  // namespace hone::tensor::gpu
