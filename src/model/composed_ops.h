// The operators of a block as autograd sees them: differentiable, one small piece each, in any float type.
// For architectures whose block has no hand-written backward, and to hold those that have one to.
#pragma once
#include <cstdint>
#include <memory>
#include <span>

#include "tensor/attention.h"
#include "tensor/ops.h"
#include "tensor/quantized.h"
#include "tensor/tensor.h"

namespace hone::model::composed {

/// x [N, D], weight [D] in any float type.
Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps);

/// x [N, D], weight and bias [D] in any float type.
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps);

/// tensor::rope on a copy of x [N, heads, dim].
Tensor rope(const Tensor& x, const Tensor& positions, const Tensor& cos, const Tensor& sin);

/// tensor::dropout: equal keys draw equal numbers, here, there and in backward.
Tensor dropout(const Tensor& x, double p, tensor::DropoutKey key);

/// x Wᵀ for a W in few bits, which gets no gradient.
Tensor matmul_transposed(const Tensor& x, const std::shared_ptr<const tensor::Quantized>& w);

/// silu(gate) · up.
Tensor silu_mul(const Tensor& gate, const Tensor& up);

/// tensor::attention with the table of all scores of a sequence in memory, [H, T, T].
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, std::span<const int64_t> cu_seqlens, double scale,
                 tensor::AttentionMask mask = tensor::AttentionMask::kCausal);

}  // namespace hone::model::composed
