// Attention over packed sequences without padding, and over key/value caches. The kernels are causal; without a mask
// the portable version runs everywhere.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "tensor/tensor.h"

namespace hone::tensor {

/// What backward needs besides q, k, v and the output: the log-sum-exp of each row of scores, in the form of
/// whatever made it.
struct AttentionSaved {
  std::vector<Tensor> logsumexp, random_state;
};

/// Which positions of its sequence a query sees: those up to its own, or all.
enum class AttentionMask { kCausal, kNone };

/// softmax(q kᵀ · scale + mask) v within each sequence; no sequence sees another.
/// q [N, H, dim], k and v [N, K, dim] with H a multiple of K; cu_seqlens: cumulative lengths, first 0,
/// last N. Returns [N, H, dim].
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, std::span<const int64_t> cu_seqlens, double scale,
                 AttentionSaved* saved, AttentionMask mask = AttentionMask::kCausal);

/// Gradients of attention(), written into dq [N, H, dim], dk and dv [N, K, dim].
void attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& out,
                        const AttentionSaved& saved, std::span<const int64_t> cu_seqlens, double scale, Tensor& dq,
                        Tensor& dk, Tensor& dv, AttentionMask mask = AttentionMask::kCausal);

/// One sequence with a past: q [T, H, dim] are the last T of `length` positions, keys and values
/// [K, capacity, dim] hold all of them. Returns [T, H, dim].
Tensor attention_cached(const Tensor& q, const Tensor& keys, const Tensor& values, int64_t length, double scale);

/// Gradients of keys or values, which each query head has made for itself, summed over the heads that share one:
/// `shares` [N, H, dim] into `to` [N, K, dim].
void sum_groups(const Tensor& shares, const Tensor& to);

/// attention and its kin from plain libtorch operators, for any device.
namespace portable {
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, std::span<const int64_t> cu_seqlens, double scale,
                 AttentionSaved* saved, AttentionMask mask = AttentionMask::kCausal);
void attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& out,
                        const AttentionSaved& saved, std::span<const int64_t> cu_seqlens, double scale, Tensor& dq,
                        Tensor& dk, Tensor& dv, AttentionMask mask = AttentionMask::kCausal);
Tensor attention_cached(const Tensor& q, const Tensor& keys, const Tensor& values, int64_t length, double scale);
}  // namespace portable

}  // namespace hone::tensor
