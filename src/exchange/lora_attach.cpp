// A fresh adapter on a decoder.
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "exchange/lora_targets.h"
#include "exchange/peft.h"
#include "model/checkpoint.h"

namespace hone::exchange {
namespace {

using model::Decoder;
using model::Linear;

template <typename Draw>
Tensor drawn(const std::vector<int64_t>& shape, const c10::Device& device, const Draw& draw) {
  if (device.is_meta()) return at::empty(shape, at::TensorOptions().dtype(at::kFloat).device(device));
  Tensor tensor = at::empty(shape, at::TensorOptions().dtype(at::kFloat));
  auto* values = tensor.mutable_data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(draw());
  return tensor.to(device);
}

Tensor uniform(const std::vector<int64_t>& shape, const c10::Device& device, double bound, RandomStream random) {
  return drawn(shape, device, [&] { return bound * (2 * random.uniform() - 1); });
}

model::Lora fresh_update(const Linear& linear, const LoraSettings& settings, const LoraTargets& targets,
                         uint64_t seed) {
  const int64_t r = targets.rank(linear.name), in = linear.in_features(), out = linear.out_features();
  const c10::Device device = linear.device();
  RandomStream random(seed, hash64(linear.name));
  const Tensor a = settings.init_lora_weights == "gaussian"
                       ? drawn({r, in}, device, [&] { return random.normal() / static_cast<double>(r); })
                       : uniform({r, in}, device, 1 / std::sqrt(static_cast<double>(in)), random);
  const Tensor b = settings.init_lora_weights == "false"
                       ? uniform({out, r}, device, 1 / std::sqrt(static_cast<double>(r)),
                                 RandomStream(seed, hash64(linear.name + ".lora_B")))
                       : at::zeros({out, r}, at::TensorOptions().dtype(at::kFloat).device(device));
  return {a.set_requires_grad(true), b.set_requires_grad(true), targets.scaling(linear.name), settings.lora_dropout};
}

/// A trainable copy of a base weight, as exact as it is stored: the decoder may hold it rounded for arithmetic.
Tensor trainable_copy(const model::NamedTensor& parameter, const model::Checkpoint* stored) {
  const Tensor& held = *parameter.tensor;
  const bool exact = stored != nullptr && stored->has(parameter.name);
  return (exact ? stored->tensor(parameter.name, held.sizes().vec()) : held.detach())
      .to(held.device(), at::kFloat, /*non_blocking=*/false, /*copy=*/true)
      .set_requires_grad(true);
}

}  // namespace

void attach_lora(Decoder& decoder, const LoraSettings& settings, uint64_t seed,
                 const std::filesystem::path& base_folder) {
  const LoraTargets targets(settings, "lora.");
  targets.check_names(decoder);
  const std::vector<Linear*> chosen = targets.linears(decoder);
  if (chosen.back() == decoder.linears().back() && decoder.config().tie_word_embeddings) {
    fail_input("lora.target_modules",
               "\"" + chosen.back()->name +
                   "\" shares its weight with the embedding; PEFT would change both when it merges the adapter",
               "leave it out of target_modules, or name it in modules_to_save");
  }
  for (Linear* linear : chosen) linear->lora = fresh_update(*linear, settings, targets, seed);
  std::optional<model::Checkpoint> stored;
  if (!base_folder.empty()) {
    stored.emplace(base_folder, model::family_named(decoder.config().family).names.base_prefix);
  }
  const bool parted = targets.parts_tied_weights(decoder);
  const std::string embedding = decoder.parameters().front().name;
  if (parted) decoder.untie();
  for (const WholeTensor& whole : targets.whole_tensors(decoder)) {
    model::NamedTensor source = whole.parameter;
    // What was tied is stored once, under the embedding's name (a second copy, if there is one, is not read).
    if (parted && source.tensor == &decoder.head().weight) source.name = embedding;
    decoder.replace(whole.parameter, trainable_copy(source, stored ? &*stored : nullptr));
  }
}

}  // namespace hone::exchange
