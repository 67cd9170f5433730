#include "model/head_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>

#include "model/autograd_node.h"

namespace hone::model {
namespace {

/// Numbers of the rows that carry loss, their targets and their weights, brought to even_rows() by further looks
/// at row 0 that weigh nothing.
struct LossRows {
  Tensor rows, targets;  ///< [R] int64
  Tensor weights;        ///< [R] in the type of sums
  int64_t count = 0;     ///< of those that carry loss: they come first
};

/// From hidden states to logits and back.
class Ending {
 public:
  Ending(const Decoder& decoder, const StepContext& context) : decoder_(decoder), context_(context) {}

  Tensor forward(const Tensor& hidden) {
    hidden_ = hidden;
    normed_ = decoder_.final_norm().forward(hidden, &norm_saved_);
    const auto& out = decoder_.project_out();
    features_ = out ? out->forward(normed_, context_, &out_saved_) : normed_;
    return decoder_.head().forward(features_, context_, &head_saved_);
  }
  /// The gradient of the hidden states.
  Tensor backward(const Tensor& dlogits, GradSink& sink) {
    Tensor dfeatures, dnormed, dhidden = at::zeros(hidden_.sizes(), hidden_.options());
    decoder_.head().backward(dlogits, features_, head_saved_, context_, sink, &dfeatures, false);
    const auto& out = decoder_.project_out();
    if (out) out->backward(dfeatures, normed_, out_saved_, context_, sink, &dnormed, false);
    decoder_.final_norm().backward(out ? dnormed : dfeatures, hidden_, norm_saved_, sink, dhidden);
    return dhidden;
  }

 private:
  const Decoder& decoder_;
  const StepContext& context_;
  Tensor hidden_, normed_, features_;
  Norm::Saved norm_saved_;
  Linear::Saved out_saved_, head_saved_;
};

LossRows rows_with_loss(const Tensor& targets, double weight, const at::TensorOptions& wide) {
  const auto* values = targets.const_data_ptr<int64_t>();
  std::vector<int64_t> rows, wanted;
  for (int64_t i = 0; i < targets.size(0); ++i) {
    if (values[i] != kIgnore) rows.push_back(i), wanted.push_back(values[i]);
  }
  LossRows loss{.count = static_cast<int64_t>(rows.size())};
  rows.resize(static_cast<size_t>(even_rows(loss.count)), 0);
  wanted.resize(rows.size(), 0);
  loss.rows = tensor_of(rows).to(wide.device());
  loss.targets = tensor_of(wanted).to(wide.device());
  loss.weights = at::zeros({loss.rows.size(0)}, wide);
  loss.weights.narrow(0, 0, loss.count).fill_(weight);
  return loss;
}

/// What one walk over the chunks of rows leaves.
struct Pass {
  Tensor nll, right;              ///< [R]: −log p(target); the target is the most likely token
  Tensor dhidden;                 ///< [N, D], where `weights` were given
  std::vector<Tensor> gradients;  ///< of trained_ending(), likewise
};

/// `weights` [R] (undefined: no gradients): the gradient of Σ weights[r] · nll[r].
Pass run_head(Decoder& decoder, const Tensor& source, const LossRows& rows, const Tensor& weights,
              const StepContext& context, int64_t chunk_bytes) {
  const at::NoGradGuard no_grad;
  const int64_t all = rows.rows.size(0);
  const at::TensorOptions wide = source.options().dtype(sum_type(source));
  Pass pass;
  pass.nll = at::empty({all}, wide);
  pass.right = at::empty({all}, wide.dtype(at::kBool));
  if (weights.defined()) pass.dhidden = at::zeros(source.sizes(), source.options());
  GradSink sink(decoder.trained_ending());
  const int64_t chunk = head_chunk_rows(decoder, chunk_bytes);
  for (int64_t begin = 0; begin < all; begin += chunk) {
    const int64_t count = std::min(chunk, all - begin);
    const Tensor index = rows.rows.narrow(0, begin, count);
    const Tensor part = source.index_select(0, index);
    Ending ending{decoder, context};
    Tensor logits = ending.forward(part);
    const Tensor scale = weights.defined() ? weights.narrow(0, begin, count) : Tensor();
    const auto [losses, correct] = tensor::cross_entropy(logits, rows.targets.narrow(0, begin, count), scale);
    pass.nll.narrow(0, begin, count).copy_(losses);
    pass.right.narrow(0, begin, count).copy_(correct);
    if (!weights.defined()) continue;
    const Tensor dpart = ending.backward(logits, sink);  // logits hold their gradient now
    const int64_t kept = std::clamp<int64_t>(rows.count - begin, 0, count);
    pass.dhidden.index_copy_(0, index.narrow(0, 0, kept), dpart.narrow(0, 0, kept));
  }
  pass.gradients = sink.take();
  return pass;
}

}  // namespace

int64_t head_chunk_rows(const Decoder& decoder, int64_t chunk_bytes) {
  const auto element = static_cast<int64_t>(c10::elementSize(decoder.options().compute_type));
  return std::max<int64_t>(16, chunk_bytes / (decoder.head().out_features() * element));
}

HeadLoss head_loss(Decoder& decoder, const Tensor& hidden, const Tensor& targets, const StepContext& context,
                   const HeadLossOptions& options) {
  HeadLoss result;
  const at::TensorOptions wide = hidden.options().dtype(sum_type(hidden));
  const LossRows rows = rows_with_loss(targets, options.weight, wide);
  result.tokens = rows.count;
  const std::vector<Tensor> parameters = decoder.trained_ending();
  const bool differentiate = needs_gradient(hidden, parameters) && result.tokens > 0;
  Pass pass =
      run_head(decoder, hidden.detach(), rows, differentiate ? rows.weights : Tensor(), context, options.chunk_bytes);
  const Tensor nll = pass.nll.narrow(0, 0, rows.count), right = pass.right.narrow(0, 0, rows.count);
  result.nll_sum = nll.sum(at::kDouble).item<double>();
  result.correct = right.sum().item<int64_t>();
  if (options.keep_tokens) result.token_nll = nll, result.token_correct = right;
  result.loss = nll.sum().mul(options.weight);
  if (!differentiate) return result;
  const auto backward = [dhidden = pass.dhidden, gradients = std::move(pass.gradients)](const Tensor& upstream) {
    // The gradients were made for an upstream gradient of 1, which is what a plain backward() sends.
    const double scale = upstream.item<double>();
    std::vector<Tensor> scaled = gradients;
    if (scale != 1) {
      for (Tensor& gradient : scaled) {
        if (gradient.defined()) gradient = gradient.mul(scale);
      }
    }
    return std::pair(scale == 1 ? dhidden : dhidden.mul(scale), scaled);
  };
  result.loss = attach_backward(result.loss.detach(), hidden, parameters, backward);
  return result;
}

Tensor token_logps(Decoder& decoder, const Tensor& hidden, const Tensor& targets, const StepContext& context,
                   int64_t chunk_bytes) {
  const at::TensorOptions wide = hidden.options().dtype(sum_type(hidden));
  const LossRows rows = rows_with_loss(targets, -1, wide);  // log p = −nll
  const std::vector<Tensor> parameters = decoder.trained_ending();
  const bool differentiate = needs_gradient(hidden, parameters) && rows.count > 0;
  // A row's share of dhidden is a multiple of its upstream gradient, so a frozen head is walked once. Sums over rows,
  // which gradients of weights are, need the upstream gradients first: the logits are made again for them.
  const bool once = differentiate && parameters.empty();
  Pass pass = run_head(decoder, hidden.detach(), rows, once ? rows.weights : Tensor(), context, chunk_bytes);
  Tensor logps = pass.nll.narrow(0, 0, rows.count).neg();
  if (!differentiate) return logps;
  const Tensor index = rows.rows.narrow(0, 0, rows.count);
  if (once) {
    return attach_backward(logps, hidden, parameters, [dhidden = pass.dhidden, index](const Tensor& upstream) {
      const Tensor factor = at::zeros({dhidden.size(0), 1}, upstream.options());
      factor.index_copy_(0, index, upstream.unsqueeze(1));
      return std::pair((dhidden * factor).to(dhidden.scalar_type()), std::vector<Tensor>());
    });
  }
  return attach_backward(logps, hidden, parameters,
                         [&decoder, source = hidden.detach(), rows, context, chunk_bytes](const Tensor& upstream) {
                           Tensor weights = at::zeros_like(rows.weights);
                           weights.narrow(0, 0, rows.count).copy_(upstream.neg());
                           Pass again = run_head(decoder, source, rows, weights, context, chunk_bytes);
                           return std::pair(again.dhidden, std::move(again.gradients));
                         });
}

}  // namespace hone::model
