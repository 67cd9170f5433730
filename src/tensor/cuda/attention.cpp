// Attention on a GPU through libtorch's kernels: flash attention (Dao 2023) in bf16 and fp16, the memory-efficient
// one (Rabe & Staats 2021) in fp32 and where flash has no kernel. Both take packed sequences as they are.
#include <ATen/Context.h>
#include <ATen/ops/_efficient_attention_backward.h>
#include <ATen/ops/_efficient_attention_forward.h>
#include <ATen/ops/_flash_attention_backward.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/_fused_sdp_choice.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <vector>

#include "tensor/cuda/ops.h"
#include "tensor/device.h"

namespace hone::tensor::gpu {
namespace {

enum class Kind { kNone, kFlash, kEfficient };

// Numbers of sdp::SDPBackend, which is in no header that can be used without CUDA's.
constexpr int64_t kFlashBackend = 1, kEfficientBackend = 2, kCudnnBackend = 3;
constexpr int64_t kCausalFromTopLeft = 1;  // of sdp::CustomMaskType

/// libtorch knows what each GPU can do; asked with q in all places, since grouped heads are dealt with here.
Kind kind_for(const Tensor& q, double scale) {
  const Tensor by_head = q.transpose(0, 1).unsqueeze(0);
  const int64_t dim = q.size(2), choice = at::_fused_sdp_choice(by_head, by_head, by_head, {}, 0.0, true, scale);
  // Flash's backward above 192 works on some GPUs only.
  const bool flash_shape = dim % 8 == 0 && dim <= 192 && q.scalar_type() != at::kFloat;
  if ((choice == kFlashBackend || choice == kCudnnBackend) && flash_shape) return Kind::kFlash;
  const int64_t alignment = 16 / q.element_size();
  return choice == kEfficientBackend && dim % alignment == 0 ? Kind::kEfficient : Kind::kNone;
}

struct Lengths {
  Tensor cumulative;  ///< int32 on the device
  int64_t longest = 0;
};

/// Every layer of a forward asks for the same lengths; copying them over each time would make the CPU wait.
/// Never destroyed, because CUDA may be gone by the time that a thread ends.
const Lengths& lengths_on(const c10::Device& device, std::span<const int64_t> cu_seqlens) {
  struct Last {
    std::vector<int64_t> asked;
    Lengths lengths;
  };
  thread_local Last& last = *new Last;
  const bool same = last.lengths.cumulative.defined() && last.lengths.cumulative.device() == device &&
                    std::equal(cu_seqlens.begin(), cu_seqlens.end(), last.asked.begin(), last.asked.end());
  if (same) return last.lengths;
  last.asked.assign(cu_seqlens.begin(), cu_seqlens.end());
  last.lengths.cumulative = tensor_of(cu_seqlens).to(at::kInt).to(device);
  last.lengths.longest = 0;
  for (size_t i = 0; i + 1 < cu_seqlens.size(); ++i) {
    last.lengths.longest = std::max(last.lengths.longest, cu_seqlens[i + 1] - cu_seqlens[i]);
  }
  return last.lengths;
}

/// [N, K, dim] as [1, N, H, dim]: each key/value head repeated for the H/K query heads that share it.
Tensor spread_heads(const Tensor& x, int64_t heads) {
  const int64_t n = x.size(0), kv_heads = x.size(1), dim = x.size(2);
  if (kv_heads == heads) return x.unsqueeze(0);
  return x.unsqueeze(2).expand({n, kv_heads, heads / kv_heads, dim}).reshape({1, n, heads, dim});
}

/// While it lives, libtorch takes the algorithms that repeat bit by bit.
class Deterministic {
 public:
  Deterministic()
      : was_(at::globalContext().deterministicAlgorithms()),
        fill_was_(at::globalContext().deterministicFillUninitializedMemory()) {
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
    at::globalContext().setDeterministicFillUninitializedMemory(false);
  }
  ~Deterministic() {
    at::globalContext().setDeterministicAlgorithms(was_, false);
    at::globalContext().setDeterministicFillUninitializedMemory(fill_was_);
  }
  Deterministic(const Deterministic&) = delete;
  Deterministic& operator=(const Deterministic&) = delete;

 private:
  bool was_, fill_was_;
};

}  // namespace

bool attends(const Tensor& q, double scale) {
  return q.is_cuda() && !only_portable() && kind_for(q, scale) != Kind::kNone;
}

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, std::span<const int64_t> cu_seqlens, double scale,
                 AttentionSaved* saved) {
  const auto& [cumulative, longest] = lengths_on(q.device(), cu_seqlens);
  if (kind_for(q, scale) == Kind::kFlash) {
    const auto [out, logsumexp, state, unused, mask] =
        at::_flash_attention_forward(q, k, v, cumulative, cumulative, longest, longest, 0.0, /*is_causal=*/true,
                                     /*return_debug_mask=*/false, scale);
    if (saved != nullptr) saved->logsumexp = {logsumexp}, saved->random_state = {state, unused};
    return out;
  }
  const auto [out, logsumexp, seed, offset, max_q, max_k] = at::_efficient_attention_forward(
      q.unsqueeze(0), spread_heads(k, q.size(1)), spread_heads(v, q.size(1)), {}, cumulative, cumulative, longest,
      longest, 0.0, kCausalFromTopLeft, /*compute_log_sumexp=*/saved != nullptr, scale);
  if (saved != nullptr) saved->logsumexp = {logsumexp}, saved->random_state = {seed, offset};
  return out.squeeze(0);
}

void attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& out,
                        const AttentionSaved& saved, std::span<const int64_t> cu_seqlens, double scale, Tensor& dq,
                        Tensor& dk, Tensor& dv) {
  const auto& [cumulative, longest] = lengths_on(q.device(), cu_seqlens);
  const Tensor &first_state = saved.random_state[0], &second_state = saved.random_state[1];
  const Deterministic repeatable;
  if (kind_for(q, scale) == Kind::kFlash) {
    const auto [gq, gk, gv] =
        at::_flash_attention_backward(dout, q, k, v, out, saved.logsumexp[0], cumulative, cumulative, longest, longest,
                                      0.0, /*is_causal=*/true, first_state, second_state, scale);
    dq.copy_(gq);
    dk.copy_(gk);
    dv.copy_(gv);
    return;
  }
  const auto [gq, gk, gv, bias] = at::_efficient_attention_backward(
      dout.unsqueeze(0), q.unsqueeze(0), spread_heads(k, q.size(1)), spread_heads(v, q.size(1)), {}, out.unsqueeze(0),
      cumulative, cumulative, longest, longest, saved.logsumexp[0], 0.0, first_state, second_state, kCausalFromTopLeft,
      /*bias_requires_grad=*/false, scale, /*num_splits_key=*/1);
  dq.copy_(gq.squeeze(0));
  sum_groups(gk.squeeze(0), dk);
  sum_groups(gv.squeeze(0), dv);
}

}  // namespace hone::tensor::gpu
