// AdamW with 8-bit moments (Dettmers et al. 2022), as transformers runs bitsandbytes: tensors under 4,096 elements
// and embeddings, of positions too, keep 32 bits.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include "tensor/adamw8bit.h"
#include "tune/optimizers/adamw.h"

namespace hone::tune {
namespace {

constexpr int64_t kSmallest = 4096;  // bitsandbytes' min_8bit_size

/// bitsandbytes alone would take any embedding that is no layer of its own; transformers' Trainer tells it not to.
bool takes_a_byte(const TrainedTensor& trained) {
  return trained.value.numel() >= kSmallest && !trained.embedding;
}

template <typename Keep>
std::vector<TrainedTensor> chosen(const std::vector<TrainedTensor>& tensors, const Keep& keep) {
  std::vector<TrainedTensor> kept;
  for (const TrainedTensor& trained : tensors) {
    if (keep(trained)) kept.push_back(trained);
  }
  return kept;
}

class AdamW8bit : public Optimizer {
 public:
  AdamW8bit(const std::vector<TrainedTensor>& tensors, const OptimizerOptions& options)
      : wide_(chosen(tensors, [](const TrainedTensor& t) { return !takes_a_byte(t); }), options),
        tensors_(chosen(tensors, takes_a_byte)),
        options_(options),
        counts_(at::zeros({static_cast<int64_t>(tensors_.size())}, at::TensorOptions().dtype(at::kLong))) {
    for (const TrainedTensor& trained : tensors_)
      moments_.push_back(tensor::eight_bit_moments(trained.value.numel(), trained.value.device()));
  }

  void step(double learning_rate) override {
    const at::NoGradGuard no_grad;
    wide_.step(learning_rate);
    auto* counts = counts_.mutable_data_ptr<int64_t>();
    for (size_t i = 0; i < tensors_.size(); ++i) {
      Tensor value = tensors_[i].value;
      if (!value.grad().defined()) continue;
      tensor::adamw_8bit(value, value.grad().contiguous(), moments_[i],
                         {.learning_rate = learning_rate,
                          .beta1 = options_.beta1,
                          .beta2 = options_.beta2,
                          .epsilon = options_.epsilon,
                          .weight_decay = tensors_[i].decayed ? options_.weight_decay : 0.0,
                          .step = ++counts[i]});
      value.unsafeGetTensorImpl()->bump_version();  // the kernel writes past what counts versions
    }
  }

  int64_t state_bytes() const override {
    int64_t bytes = wide_.state_bytes();
    for (const auto& m : moments_) {
      bytes += static_cast<int64_t>(m.first.nbytes() + m.second.nbytes() + m.first_scales.nbytes() +
                                    m.second_scales.nbytes());
    }
    return bytes;
  }

  NamedTensors state() const override {
    NamedTensors all = wide_.state();
    for (size_t i = 0; i < tensors_.size(); ++i) {
      for (const auto& [name, tensor] : parts(i)) all.emplace_back(name, tensor);
    }
    all.emplace_back("steps_8bit", counts_);
    return all;
  }

  void restore(const model::Checkpoint& saved) override {
    wide_.restore(saved);
    for (size_t i = 0; i < tensors_.size(); ++i) {
      for (auto& [name, tensor] : parts(i)) tensor.copy_(saved.tensor(name, tensor.sizes().vec()));
    }
    counts_.copy_(saved.tensor("steps_8bit", counts_.sizes().vec()));
  }

 private:
  /// The moments of one tensor by the names bitsandbytes gives them.
  NamedTensors parts(size_t i) const {
    const tensor::EightBitMoments& m = moments_[i];
    const std::string& name = tensors_[i].name;
    return {{"state1." + name, m.first},
            {"state2." + name, m.second},
            {"absmax1." + name, m.first_scales},
            {"absmax2." + name, m.second_scales}};
  }

  AdamW wide_;
  std::vector<TrainedTensor> tensors_;
  OptimizerOptions options_;
  std::vector<tensor::EightBitMoments> moments_;
  Tensor counts_;  ///< steps that each has made
};

}  // namespace

void register_optimizer_adamw_8bit(Registry<OptimizerKind>& registry) {
  const OptimizerKind kind{
      [](const std::vector<TrainedTensor>& tensors, const OptimizerOptions& options) -> std::unique_ptr<Optimizer> {
        return std::make_unique<AdamW8bit>(tensors, options);
      }};
  registry.add(
      {"adamw_8bit", "AdamW whose moments take a byte each, as bitsandbytes has it (Dettmers et al. 2022)", kind});
  registry.add({"adamw_bnb_8bit", "adamw_8bit, by transformers' older name", kind});
}

}  // namespace hone::tune
