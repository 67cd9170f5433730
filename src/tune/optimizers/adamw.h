// AdamW (Loshchilov & Hutter 2019), as torch.optim.AdamW computes it, fused over all tensors.
#pragma once
#include "tune/optimizers/optimizer.h"

namespace hone::tune {

/// p ← p − lr·wd·p;  m, v moving averages of g, g²;  p ← p − lr · m̂ / (√v̂ + ε). fp32 state.
class AdamW : public Optimizer {
 public:
  AdamW(std::vector<TrainedTensor> tensors, OptimizerOptions options);

  void step(double learning_rate) override;
  int64_t state_bytes() const override;
  /// "exp_avg.<name>", "exp_avg_sq.<name>" and "steps" [tensors], how many each has made.
  NamedTensors state() const override;
  void restore(const model::Checkpoint& saved) override;

 private:
  std::vector<TrainedTensor> tensors_;
  OptimizerOptions options_;
  std::vector<Tensor> first_, second_, counts_;
};

}  // namespace hone::tune
