#include "tune/optimizers/adamw.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <numeric>

namespace hone::tune {

AdamW::AdamW(std::vector<std::pair<std::string, Tensor>> parameters, std::vector<bool> decayed, AdamWOptions options)
    : parameters_(std::move(parameters)), decayed_(std::move(decayed)), options_(options) {
  for (const auto& [name, parameter] : parameters_) {
    first_.push_back(at::zeros_like(parameter.detach()));
    second_.push_back(at::zeros_like(parameter.detach()));
    counts_.push_back(at::zeros({}, parameter.options().dtype(at::kFloat).requires_grad(false)));
  }
}

void AdamW::step(double learning_rate) {
  const at::NoGradGuard no_grad;
  ++steps_;
  for (const bool decay : {true, false}) {
    std::vector<Tensor> values, gradients, first, second, counts;
    for (size_t i = 0; i < parameters_.size(); ++i) {
      const Tensor& value = parameters_[i].second;
      if (decayed_[i] != decay || !value.grad().defined()) continue;
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

std::vector<std::pair<std::string, Tensor>> AdamW::state() const {
  std::vector<std::pair<std::string, Tensor>> all;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    all.emplace_back("exp_avg." + parameters_[i].first, first_[i]);
    all.emplace_back("exp_avg_sq." + parameters_[i].first, second_[i]);
  }
  return all;
}

double clip_gradients(const std::vector<std::pair<std::string, Tensor>>& parameters, double max_norm) {
  const at::NoGradGuard no_grad;
  std::vector<Tensor> norms;  // fetched together: on a GPU, each fetch waits for all that was started
  for (const auto& [name, parameter] : parameters) {
    if (parameter.grad().defined()) norms.push_back(parameter.grad().norm().to(at::kDouble));
  }
  if (norms.empty()) return 0;
  const Tensor fetched = at::stack(norms).cpu();
  const auto* values = fetched.const_data_ptr<double>();
  const double norm = std::sqrt(std::inner_product(values, values + fetched.numel(), values, 0.0));
  if (max_norm > 0 && norm + 1e-6 > max_norm) {
    for (const auto& [name, parameter] : parameters) {
      if (parameter.grad().defined()) parameter.mutable_grad().mul_(max_norm / (norm + 1e-6));
    }
  }
  return norm;
}

}  // namespace hone::tune
