#include "model/head_loss.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

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

}  // namespace

HeadLoss head_loss(Decoder& decoder, const Tensor& hidden, const Tensor& targets, const StepContext& context,
                   const HeadLossOptions& options) {
  HeadLoss result;
  const Linear& head = decoder.head();
  const at::TensorOptions wide = hidden.options().dtype(sum_type(hidden));
  const LossRows rows = rows_with_loss(targets, options.weight, wide);
  const int64_t all = rows.rows.size(0);
  result.tokens = rows.count;

  std::vector<Tensor> parameters;
  head.collect_trainable(parameters);
  decoder.final_norm().collect_trainable(parameters);
  if (decoder.project_out()) decoder.project_out()->collect_trainable(parameters);
  const bool differentiate = needs_gradient(hidden, parameters) && result.tokens > 0;

  Tensor nll = at::empty({all}, wide), right = at::empty({all}, wide.dtype(at::kBool));
  Tensor dhidden;
  std::vector<Tensor> gradients;
  without_gradients([&] {
    const Tensor source = hidden.detach();
    const int64_t row_bytes = head.out_features() * source.element_size();
    const int64_t chunk = std::max<int64_t>(16, options.chunk_bytes / row_bytes);
    GradSink sink(parameters);
    if (differentiate) dhidden = at::zeros(source.sizes(), source.options());
    for (int64_t begin = 0; begin < all; begin += chunk) {
      const int64_t count = std::min(chunk, all - begin);
      const Tensor index = rows.rows.narrow(0, begin, count);
      const Tensor part = source.index_select(0, index);
      Ending ending{decoder, context};
      Tensor logits = ending.forward(part);
      const Tensor weights = differentiate ? rows.weights.narrow(0, begin, count) : Tensor();
      const auto [losses, correct] = tensor::cross_entropy(logits, rows.targets.narrow(0, begin, count), weights);
      nll.narrow(0, begin, count).copy_(losses);
      right.narrow(0, begin, count).copy_(correct);
      if (!differentiate) continue;
      const Tensor dpart = ending.backward(logits, sink);  // logits hold their gradient now
      const int64_t kept = std::clamp<int64_t>(rows.count - begin, 0, count);
      dhidden.index_copy_(0, index.narrow(0, 0, kept), dpart.narrow(0, 0, kept));
    }
    gradients = sink.take();
    return Tensor();
  });
  nll = nll.narrow(0, 0, rows.count);
  right = right.narrow(0, 0, rows.count);
  result.nll_sum = nll.sum(at::kDouble).item<double>();
  result.correct = right.sum().item<int64_t>();
  if (options.keep_tokens) result.token_nll = nll, result.token_correct = right;
  result.loss = nll.sum().mul(options.weight);
  if (!differentiate) return result;
  result.loss = attach_backward(result.loss.detach(), hidden, parameters, [dhidden, gradients](const Tensor& upstream) {
    // The gradients were made for an upstream gradient of 1, which is what a plain backward() sends.
    const double scale = upstream.item<double>();
    std::vector<Tensor> scaled = gradients;
    if (scale != 1) {
      for (Tensor& gradient : scaled) {
        if (gradient.defined()) gradient = gradient.mul(scale);
      }
    }
    return std::pair(scale == 1 ? dhidden : dhidden.mul(scale), scaled);
  });
  return result;
}

}  // namespace hone::model
