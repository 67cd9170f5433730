// What a LoRA adapter is made of, in the words of PEFT's LoraConfig, and its file adapter_config.json.
#pragma once
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace hone::exchange {

/// Field names and defaults are PEFT's LoraConfig.
struct LoraSettings {
  int64_t r = 8;
  double lora_alpha = 8;
  double lora_dropout = 0;
  std::vector<std::string> target_modules;   ///< names, matched as suffixes ("q_proj"); or one entry "all-linear"
  std::string target_pattern;                ///< or a regular expression over whole module names
  std::vector<std::string> exclude_modules;  ///< names that are left out of the targets, matched in the same way
  std::string exclude_pattern;               ///< or a regular expression over whole module names
  bool use_rslora = false;                   ///< scaling lora_alpha / sqrt(r) (Kalajdzievski 2023)
  std::vector<int64_t> layers_to_transform;  ///< empty: all
  std::vector<std::string> layers_pattern;   ///< regular expressions for what stands before the number; empty: any
  /// Regular expressions for the end of a module's name; the first that fits counts.
  std::vector<std::pair<std::string, int64_t>> rank_pattern;
  std::vector<std::pair<std::string, double>> alpha_pattern;
  std::string bias = "none";                 ///< none, all, or lora_only (those of adapted modules)
  std::vector<std::string> modules_to_save;  ///< name endings of modules whose weights are trained themselves
  bool ensure_weight_tying = false;          ///< a tied embedding and head in modules_to_save stay one tensor
  std::string init_lora_weights = "true";    ///< true, gaussian, false
  std::string base_model_name_or_path;
  bool fan_in_fan_out = false;  ///< adapted weights are stored [in, out] (GPT-2): a note, the update itself is the same
};

/// Whether the one target is "all-linear": every Linear but the head.
bool is_all_linear(const LoraSettings& settings);

/// Writes adapter_config.json as PEFT reads it.
void write_adapter_config(const LoraSettings& settings, const std::filesystem::path& file);

/// Reads adapter_config.json. Every key is applied, known to change nothing, or refused by its name with
/// Error: another method than LoRA, a variant (DoRA …) that would give other logits, a key of a later PEFT.
LoraSettings read_adapter_config(const std::filesystem::path& file);

}  // namespace hone::exchange
