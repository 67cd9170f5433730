// LoRA adapters: attached to a decoder, and read from and written to folders in PEFT's format
// (adapter_config.json + adapter_model.safetensors) that PEFT loads, and back.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "model/decoder.h"

namespace hone::exchange {

/// Field names and defaults are PEFT's LoraConfig.
struct LoraSettings {
  int64_t r = 8;
  double lora_alpha = 8;
  double lora_dropout = 0;
  std::vector<std::string> target_modules;   ///< names, matched as suffixes ("q_proj"); or one entry "all-linear"
  std::string target_pattern;                ///< or a regular expression over whole module names
  bool use_rslora = false;                   ///< scaling lora_alpha / sqrt(r) (Kalajdzievski 2023)
  std::vector<int64_t> layers_to_transform;  ///< empty: all
  std::map<std::string, int64_t> rank_pattern;
  std::map<std::string, double> alpha_pattern;
  std::string base_model_name_or_path;
};

/// Attaches fresh adapters: A uniform in ±1/sqrt(in) (Kaiming with a = √5, as PEFT), B zero; both fp32
/// leaves that require gradients. Returns the names of the adapted modules; a target that matches
/// nothing throws Error with the names there are.
std::vector<std::string> attach_lora(model::Decoder& decoder, const LoraSettings& settings, uint64_t seed);

/// The adapter's tensors under PEFT's names ("base_model.model.<module>.lora_A.weight"), in order.
std::vector<std::pair<std::string, Tensor>> lora_tensors(model::Decoder& decoder);

/// Writes the two files into `folder`, which exists (callers make it whole or not at all).
void write_peft(model::Decoder& decoder, const LoraSettings& settings, const std::filesystem::path& folder);

/// Reads an adapter folder and attaches it, frozen unless `trainable`. Shapes are checked against the
/// decoder. A method other than LoRA, or an option we do not apply (DoRA …), throws Error.
LoraSettings read_peft(model::Decoder& decoder, const std::filesystem::path& folder, bool trainable);

struct MergeReport {
  int64_t modules = 0;
  double largest_change = 0;  ///< max |ΔW|
};

/// W ← W + scaling · B A, the product in fp32, and removes the adapters. With `safe`, a result that is
/// not finite throws Error naming the module and leaves every weight as it was.
MergeReport merge_lora(model::Decoder& decoder, bool safe = true);

}  // namespace hone::exchange
