#include "tune/methods/base_weights.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace hone::tune {
namespace fs = std::filesystem;
namespace {

constexpr const char* kTrainedFile = "trained.safetensors";

}  // namespace

BaseWeights::BaseWeights(model::Decoder& decoder, const MethodOptions& options, const std::vector<std::string>& names)
    : decoder_(decoder),
      base_folder_(options.base_folder),
      save_type_(options.save_type),
      whole_(names.size() == decoder.parameters().size()) {
  if (!base_folder_.empty())
    stored_.emplace(base_folder_, model::family_named(decoder.config().family).names.base_prefix);
  for (const model::NamedTensor& parameter : decoder_.parameters()) {
    if (std::find(names.begin(), names.end(), parameter.name) == names.end()) continue;
    const Tensor held = parameter.tensor->detach();
    const bool exact = stored_ && stored_->has(parameter.name);
    // A copy is always made: weights may be a read-only view into the checkpoint's file.
    Tensor master = (exact ? stored_->tensor(parameter.name, held.sizes().vec()) : held)
                        .to(held.device(), at::kFloat, /*non_blocking=*/false, /*copy=*/true);
    if (exact) stored_->release(parameter.name);
    decoder_.replace(parameter, master.set_requires_grad(true));
  }
}

NamedTensors BaseWeights::trainable() const {
  NamedTensors all;
  for (const auto& parameter : decoder_.parameters()) {
    if (parameter.tensor->requires_grad()) all.emplace_back(parameter.name, *parameter.tensor);
  }
  return all;
}

void BaseWeights::save_as(const fs::path& folder, std::optional<at::ScalarType> type) const {
  // What is frozen goes out as it came in: the decoder may hold it rounded for arithmetic.
  const auto value = [&](const model::NamedTensor& parameter) {
    const bool stored = stored_ && stored_->has(parameter.name);
    if (!parameter.tensor->requires_grad()) return stored ? stored_->tensor(parameter.name) : *parameter.tensor;
    const bool rounds = !type && stored;
    return rounds ? parameter.tensor->detach().to(stored_->tensor(parameter.name).scalar_type()) : *parameter.tensor;
  };
  model::save_model(decoder_, base_folder_, folder, {.dtype = type, .value = value});
}

void BaseWeights::save(const fs::path& folder) const {
  save_as(folder, save_type_);
}

void BaseWeights::save_state(const fs::path& folder) const {
  if (whole_)
    save_as(folder, at::kFloat);
  else
    model::write_tensors(folder / kTrainedFile, trainable());
}

void BaseWeights::restore(const fs::path& folder) {
  const at::NoGradGuard no_grad;
  const fs::path part = folder / kTrainedFile;
  const auto saved = fs::exists(part) ? model::Checkpoint::from_file(part) : model::Checkpoint(folder);
  for (const auto& [name, tensor] : trainable()) Tensor(tensor).copy_(saved.tensor(name, tensor.sizes().vec()));
}

}  // namespace hone::tune
