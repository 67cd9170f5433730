// Elastic weight consolidation (Kirkpatrick et al. 2017): a weight matters as much as the diagonal of the Fisher
// information says, here the empirical one: the mean over examples of (∂ log p(answer | prompt) / ∂θ)², each example's
// gradient by itself. (The square of a batch's mean gradient would be too small by about the size of the batch.)
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros_like.h>

#include "base/error.h"
#include "model/head_loss.h"
#include "tune/regularizers/regularizer.h"

namespace hone::tune {
namespace {

/// Adds the squares of one example's gradients.
void add_squares(model::Decoder& decoder, const NamedTensors& parameters, const Examples& data, uint32_t example,
                 std::vector<Tensor>& sums) {
  const MicroBatch micro = make_micro_batch(data, {example}, decoder.options().device);
  const model::StepContext context;  // as in evaluation: no dropout
  const auto loss =
      model::head_loss(decoder, decoder.hidden(micro.batch, context), micro.targets, context, {.weight = 1.0});
  if (loss.loss.requires_grad()) loss.loss.backward();
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Tensor& gradient = parameters[i].second.grad();
    if (gradient.defined()) sums[i].addcmul_(gradient, gradient);
    parameters[i].second.mutable_grad() = Tensor();
  }
}

/// Scaled to a mean of 1 over all weights, so that lambda means the same for models and data of every size.
std::vector<Tensor> fisher(model::Decoder& decoder, const NamedTensors& parameters, const Examples& data) {
  std::vector<Tensor> sums;
  for (const auto& [name, value] : parameters) sums.push_back(at::zeros_like(value.detach()));
  for (uint32_t i = 0; i < data.size(); ++i) add_squares(decoder, parameters, data, i, sums);
  const at::NoGradGuard no_grad;
  double total = 0;
  int64_t count = 0;
  for (const Tensor& sum : sums) total += sum.sum(at::kDouble).item<double>(), count += sum.numel();
  if (!(total > 0) || total - total != 0) {
    fail_input("regularization.data", "gives no usable gradient: its Fisher information is zero or not finite",
               "look at its rows with `hone data show`");
  }
  for (Tensor& sum : sums) sum.mul_(static_cast<double>(count) / total);
  return sums;
}

}  // namespace

void register_regularizer_ewc(Registry<RegularizerKind>& registry) {
  registry.add({"ewc",
                "distance from the starting weights, by the Fisher information of given data (Kirkpatrick et al. 2017)",
                {fisher, /*needs_data=*/true}});
}

}  // namespace hone::tune
