// AdamW (Loshchilov & Hutter 2019), as torch.optim.AdamW computes it, fused over all tensors.
#pragma once
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace hone::tune {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0;
};

/// p ← p − lr·wd·p;  m, v moving averages of g, g²;  p ← p − lr · m̂ / (√v̂ + ε). fp32 state.
class AdamW {
 public:
  /// `decayed[i]` says whether weight decay applies to parameter i (norms and biases are left out, as
  /// transformers does).
  AdamW(std::vector<std::pair<std::string, Tensor>> parameters, std::vector<bool> decayed, AdamWOptions options);

  /// Uses each parameter's .grad(); one without a gradient is left as it is.
  void step(double learning_rate);
  /// Bytes of m and v.
  int64_t state_bytes() const;
  int64_t steps() const { return steps_; }

  /// "exp_avg.<name>" and "exp_avg_sq.<name>" for checkpoints; restore() takes them back with the count.
  std::vector<std::pair<std::string, Tensor>> state() const;
  template <typename Source>
  void restore(const Source& tensor_named, int64_t steps) {
    for (size_t i = 0; i < parameters_.size(); ++i) {
      first_[i].copy_(tensor_named("exp_avg." + parameters_[i].first, first_[i].sizes().vec()));
      second_[i].copy_(tensor_named("exp_avg_sq." + parameters_[i].first, second_[i].sizes().vec()));
      counts_[i].fill_(static_cast<double>(steps));
    }
    steps_ = steps;
  }

 private:
  std::vector<std::pair<std::string, Tensor>> parameters_;
  std::vector<bool> decayed_;
  AdamWOptions options_;
  std::vector<Tensor> first_, second_, counts_;
  int64_t steps_ = 0;
};

/// Scales all gradients so that their joint 2-norm is at most `max_norm` (0: no clipping); returns the
/// norm before scaling. As torch.nn.utils.clip_grad_norm_: factor max_norm / (norm + 1e-6), at most 1.
double clip_gradients(const std::vector<std::pair<std::string, Tensor>>& parameters, double max_norm);

}  // namespace hone::tune
