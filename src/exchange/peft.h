// LoRA adapters: attached to a decoder, and read from and written to folders in PEFT's format
// (adapter_config.json + adapter_model.safetensors) that PEFT loads, and back. merge.h makes them part of the base.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "exchange/lora_settings.h"
#include "model/adapter_weights.h"
#include "model/decoder.h"

namespace hone::exchange {

/// Attaches a fresh adapter: A uniform in ±1/sqrt(in) (Kaiming with a = √5, as PEFT) or with deviation 1/r
/// (gaussian), B zero or (init_lora_weights false) uniform in ±1/sqrt(r); biases and modules_to_save as
/// `base_folder` stores them (empty: as the decoder holds them). All are fp32 leaves that require gradients.
/// A name that matches nothing throws Error with the names there are.
void attach_lora(model::Decoder& decoder, const LoraSettings& settings, uint64_t seed,
                 const std::filesystem::path& base_folder);

/// The adapter's tensors under PEFT's names ("base_model.model.<module>.lora_A.weight"), in order; each once.
std::vector<std::pair<std::string, Tensor>> lora_tensors(model::Decoder& decoder, const LoraSettings& settings);

/// How many numbers the adapter adds to the base's; a trained bias is one of the base's own.
int64_t added_parameters(model::Decoder& decoder, const LoraSettings& settings);

/// Writes the two files into `folder`, which exists (callers make it whole or not at all).
void write_peft(model::Decoder& decoder, const LoraSettings& settings, const std::filesystem::path& folder);

/// The adapter's tensors in a folder: adapter_model.safetensors, or shards with an index. Error if there are none.
std::filesystem::path adapter_weights(const std::filesystem::path& folder);

struct LoadedAdapter {
  LoraSettings settings;
  bool replaces_base = false;  ///< weights of the base gave way to the adapter's: removing it needs the base again
};

/// Reads an adapter folder and attaches it, frozen unless `trainable`. Shapes are checked against the
/// decoder. A method other than LoRA, an option we do not apply (DoRA …), a tensor that is missing or that
/// fits no module throws Error.
LoadedAdapter read_peft(model::Decoder& decoder, const std::filesystem::path& folder, bool trainable);

/// Reads an adapter folder for use beside the decoder (generate::Request::adapter), which stays as it is; other threads
/// may be using it. What read_peft() refuses is refused here, and so are values that are not finite and an adapter that
/// brings weights of its own for the base (biases, modules_to_save), which one base cannot share: merge that one.
std::shared_ptr<const model::AdapterWeights> load_adapter(model::Decoder& decoder, const std::filesystem::path& folder);

}  // namespace hone::exchange
