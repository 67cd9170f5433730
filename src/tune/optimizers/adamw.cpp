#include "tune/optimizers/adamw.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

namespace hone::tune {

AdamW::AdamW(std::vector<TrainedTensor> tensors, OptimizerOptions options)
    : tensors_(std::move(tensors)), options_(options) {
  for (const TrainedTensor& trained : tensors_) {
    first_.push_back(at::zeros_like(trained.value.detach()));
    second_.push_back(at::zeros_like(trained.value.detach()));
    counts_.push_back(at::zeros({}, trained.value.options().dtype(at::kFloat).requires_grad(false)));
  }
}

void AdamW::step(double learning_rate) {
  const at::NoGradGuard no_grad;
  for (const bool decay : {true, false}) {
    std::vector<Tensor> values, gradients, first, second, counts;
    for (size_t i = 0; i < tensors_.size(); ++i) {
      const Tensor& value = tensors_[i].value;
      if (tensors_[i].decayed != decay || !value.grad().defined()) continue;
      values.push_back(value);
      gradients.push_back(value.grad());
      first.push_back(first_[i]);
      second.push_back(second_[i]);
      counts.push_back(counts_[i].add_(1));
    }
    if (values.empty()) continue;
    at::_fused_adamw_(values, gradients, first, second, {}, counts, learning_rate, options_.beta1, options_.beta2,
                      decay ? options_.weight_decay : 0.0, options_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
    // The fused update does not raise the version that tells a converted copy that it is stale.
    for (const Tensor& value : values) value.unsafeGetTensorImpl()->bump_version();
  }
}

int64_t AdamW::state_bytes() const {
  int64_t bytes = 0;
  for (const Tensor& tensor : first_) bytes += 2 * tensor.numel() * tensor.element_size();
  return bytes;
}

NamedTensors AdamW::state() const {
  NamedTensors all;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    all.emplace_back("exp_avg." + tensors_[i].name, first_[i]);
    all.emplace_back("exp_avg_sq." + tensors_[i].name, second_[i]);
  }
  if (!counts_.empty()) all.emplace_back("steps", at::stack(counts_));
  return all;
}

void AdamW::restore(const model::Checkpoint& saved) {
  if (tensors_.empty()) return;
  const Tensor counts = saved.tensor("steps", {static_cast<int64_t>(tensors_.size())});
  for (size_t i = 0; i < tensors_.size(); ++i) {
    first_[i].copy_(saved.tensor("exp_avg." + tensors_[i].name, first_[i].sizes().vec()));
    second_[i].copy_(saved.tensor("exp_avg_sq." + tensors_[i].name, second_[i].sizes().vec()));
    counts_[i].copy_(counts[static_cast<int64_t>(i)]);
  }
}

void register_optimizer_adamw(Registry<OptimizerKind>& registry) {
  const OptimizerKind kind{
      [](const std::vector<TrainedTensor>& tensors, const OptimizerOptions& options) -> std::unique_ptr<Optimizer> {
        return std::make_unique<AdamW>(tensors, options);
      }};
  registry.add(
      {"adamw", "AdamW with decoupled weight decay, both moments in 32 bits (Loshchilov and Hutter 2019)", kind});
  registry.add({"adamw_torch", "adamw, by transformers' name", kind});
  registry.add({"adamw_torch_fused", "adamw, by transformers' name", kind});
}

}  // namespace hone::tune
