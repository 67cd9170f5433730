#include "tune/start_weights.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/count_nonzero.h>

#include "base/hash.h"

namespace hone::tune {
namespace {

model::Lora copy_of(const model::Lora& lora) {
  model::Lora copy = lora;
  copy.lora_A = lora.lora_A.detach().clone();
  copy.lora_B = lora.lora_B.detach().clone();
  return copy;
}

void append(const Tensor& tensor, std::string& bytes) {
  const Tensor plain = tensor.cpu().contiguous();
  bytes += fingerprint({static_cast<const char*>(plain.const_data_ptr()), plain.nbytes()});
}

/// An outline has no values: its adapters count as fresh ones.
bool acts_already(const std::optional<model::Lora>& lora) {
  return lora && !lora->lora_B.is_meta() && at::count_nonzero(lora->lora_B.detach()).item<int64_t>() > 0;
}

}  // namespace

StartWeights::StartWeights(model::Decoder& decoder) : decoder_(decoder) {
  for (const model::Linear* linear : decoder_.linears()) {
    const bool acts = acts_already(linear->lora);
    adapters_.push_back(acts ? std::optional(copy_of(*linear->lora)) : std::nullopt);
  }
  for (const model::NamedTensor& parameter : decoder_.parameters()) {
    const Tensor& value = *parameter.tensor;
    tensors_.push_back(value.requires_grad() ? value.detach().to(decoder_.options().compute_type,
                                                                 /*non_blocking=*/false, /*copy=*/true)
                                             : Tensor());
  }
}

void StartWeights::swap() {
  const auto linears = decoder_.linears();
  for (size_t i = 0; i < linears.size(); ++i) std::swap(linears[i]->lora, adapters_[i]);
  const auto parameters = decoder_.parameters();
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (!tensors_[i].defined()) continue;
    Tensor other = *parameters[i].tensor;
    decoder_.replace(parameters[i], tensors_[i]);
    tensors_[i] = std::move(other);
  }
}

void StartWeights::with(const std::function<void()>& work) {
  const at::NoGradGuard no_grad;
  struct Swapped {
    explicit Swapped(StartWeights& weights) : weights_(weights) { weights_.swap(); }
    ~Swapped() { weights_.swap(); }
    Swapped(const Swapped&) = delete;
    Swapped& operator=(const Swapped&) = delete;
    StartWeights& weights_;
  };
  const Swapped swapped(*this);
  work();
}

int64_t StartWeights::bytes() const {
  int64_t sum = 0;
  for (const auto& adapter : adapters_) {
    if (adapter) sum += static_cast<int64_t>(adapter->lora_A.nbytes() + adapter->lora_B.nbytes());
  }
  for (const Tensor& tensor : tensors_) {
    if (tensor.defined()) sum += static_cast<int64_t>(tensor.nbytes());
  }
  return sum;
}

std::string StartWeights::fingerprint() const {
  std::string bytes;
  for (const auto& adapter : adapters_) {
    bytes += adapter ? std::to_string(adapter->scaling) : "-";
    if (adapter) append(adapter->lora_A, bytes), append(adapter->lora_B, bytes);
  }
  for (const Tensor& tensor : tensors_) {
    if (tensor.defined()) append(tensor, bytes);
  }
  return hone::fingerprint(bytes);
}

}  // namespace hone::tune
