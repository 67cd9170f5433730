// Head and cross-entropy together, over chunks of the rows that carry loss: the logits never exist as
// a whole (Wijmans et al. 2024 and Hsu et al. 2024 give the idea on GPUs).
#pragma once
#include "model/decoder.h"

namespace hone::model {

/// A target that carries no loss.
constexpr int64_t kIgnore = -100;

struct HeadLoss {
  Tensor loss;           ///< scalar fp32 (float64 for float64): Σ weight[i] · (−log p(target[i])); differentiable
  double nll_sum = 0;    ///< Σ −log p(target[i]), unweighted, summed in double
  int64_t tokens = 0;    ///< targets that carry loss
  int64_t correct = 0;   ///< of those, where the target is the most likely token
  Tensor token_nll;      ///< [tokens] in the type of loss, in order, when asked for (keep_tokens)
  Tensor token_correct;  ///< [tokens] bool, likewise
};

struct HeadLossOptions {
  double weight = 1;  ///< of every token: 1 / (tokens of the optimiser step)
  bool keep_tokens = false;
  int64_t chunk_bytes = 64 << 20;  ///< largest size of the logits of one chunk
};

/// Rows whose logits are there at a time: as many as `chunk_bytes` hold, 16 at least.
int64_t head_chunk_rows(const Decoder& decoder, int64_t chunk_bytes);

/// `hidden` [N, D] as Decoder::hidden gives it; `targets` [N] int64 on the CPU: the id that follows row
/// i, or kIgnore. Gradients for the head, the final norm and `hidden` are made in the forward pass,
/// chunk by chunk, because each chunk's logits are gone afterwards.
HeadLoss head_loss(Decoder& decoder, const Tensor& hidden, const Tensor& targets, const StepContext& context,
                   const HeadLossOptions& options);

/// log p(target[i]) of the rows that carry loss, in order: [tokens] fp32 (float64 for float64), differentiable. For
/// losses that weigh each token by what all of them came to. The logits are held as little as in head_loss; where the
/// head or the final norm is trained, the backward pass makes them a second time, so `decoder` must outlive it.
Tensor token_logps(Decoder& decoder, const Tensor& hidden, const Tensor& targets, const StepContext& context,
                   int64_t chunk_bytes = HeadLossOptions().chunk_bytes);

}  // namespace hone::model
