#include <ATen/core/grad_mode.h>
#include <ATen/ops/stack.h>

#include <cmath>
#include <numeric>

#include "tune/optimizers/optimizer.h"

namespace hone::tune {

double clip_gradients(const NamedTensors& parameters, double max_norm) {
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
