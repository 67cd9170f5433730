// A training run as its configuration file describes it: names as in LoraConfig and TrainingArguments,
// defaults as docs/configuration.md lists them. Plain values, no torch. Read it with read_train_config;
// write the resolved form into the run's folder with train_config_yaml.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/config/fields.h"
#include "base/json.h"

namespace hone::recipe {

struct ModelConfig {
  std::string name_or_path;          ///< folder of the pre-trained model
  std::string torch_dtype = "auto";  ///< of the stored weights: auto (as in the checkpoint), float32, bfloat16, float16
  std::string compute_dtype = "auto";  ///< of the arithmetic: auto (what the processor is fast at), float32, bfloat16
  std::string chat_template;           ///< name of a built-in one or a .jinja file; "" for the tokenizer's own
  std::string tokenizer;               ///< folder or file; "" for name_or_path
};

struct DataConfig {
  std::vector<std::string> train;        ///< files, read one after the other
  NumberOrText validation;               ///< monostate: none; a number in (0, 1): that fraction of train; text: a file
  std::string test;                      ///< file that is scored once, at the end; "" for none
  std::string shape = "auto";            ///< record shape, or auto to recognise it
  int64_t max_length = 1024;             ///< tokens of one example, template included
  bool packing = true;                   ///< examples side by side in one row, without padding
  std::string on_too_long = "truncate";  ///< truncate (keep the beginning), skip, error
  bool shuffle = true;
  bool train_on_prompt = false;         ///< loss on all tokens instead of the assistant's alone
  std::string on_bad_record = "error";  ///< error, skip (counted and reported)
};

struct LoraConfig {
  int64_t r = 16;
  double lora_alpha = 32;
  double lora_dropout = 0.05;
  TextOrList target_modules =
      std::string("all-linear");  ///< list of suffixes, "all-linear", or a regex for the full name
  TextOrList exclude_modules = std::vector<std::string>{};  ///< left out of them; suffixes, or a regex likewise
  std::string bias = "none";                                ///< none, all, lora_only
  bool use_rslora = false;                                  ///< scaling lora_alpha / sqrt(r) (Kalajdzievski 2023)
  std::vector<std::string> modules_to_save;                 ///< trained and saved in full
  bool ensure_weight_tying = false;                         ///< a tied embedding and head stay one when trained in full
  std::vector<int64_t> layers_to_transform;                 ///< empty: every layer
  std::vector<std::string> layers_pattern;      ///< regexes for what stands before a layer's number; empty: any
  std::map<std::string, int64_t> rank_pattern;  ///< suffix or regex of a module -> its own r
  std::map<std::string, double> alpha_pattern;  ///< the same for lora_alpha
  std::string init_lora_weights = "true";       ///< true (Kaiming-uniform A, zero B), gaussian, false
  std::string adapter_name_or_path;             ///< adapter folder to go on from; it brings its own settings
};

struct QuantizationConfig {
  bool load_in_4bit = false;
  bool load_in_8bit = false;
  std::string bnb_4bit_quant_type = "nf4";  ///< nf4, fp4
  bool bnb_4bit_use_double_quant = false;
  std::string bnb_4bit_compute_dtype = "auto";  ///< auto: model.compute_dtype
  std::vector<std::string> modules_to_not_convert = {"lm_head"};
};

/// Which weights `method: partial` trains; what lies outside of layers is frozen unless named.
struct PartialConfig {
  std::optional<int64_t> freeze_first_layers;  ///< layers from this number on are trained
  std::optional<int64_t> train_first_layers, train_last_layers;
  TextOrList modules = std::vector<std::string>{};  ///< names of modules, or a regex for the full name
  bool embeddings = false, head = false, biases = false;
  std::string norms = "none";  ///< none, final, all
};

/// What holds the weights near where they began.
struct RegularizationConfig {
  std::string type = "none";  ///< looked up in the registry of regularizers
  double lambda = 0;
  std::vector<std::string> data;  ///< of the task that is not to be forgotten (ewc)
  int64_t max_samples = 256;      ///< examples of it that are looked at
};

/// Direct preference optimisation; names as in TRL's DPOConfig where it has one.
struct DpoConfig {
  double beta = 0.1;
  std::string loss_type = "sigmoid";      ///< sigmoid, robust, hinge, ipo
  double label_smoothing = 0;             ///< probability that a pair is the wrong way round: sigmoid (cDPO), robust
  bool disable_dropout = true;            ///< lora_dropout has no effect on the policy
  bool precompute_ref_log_probs = false;  ///< once, before training, kept in a file
  std::string reference_cache;            ///< folder of those files; "" for output_dir/reference
};

struct TrainingConfig {
  std::string output_dir = "runs/default";
  double num_train_epochs = 3;
  int64_t max_steps = -1;  ///< optimiser steps; -1: as num_train_epochs says
  int64_t per_device_train_batch_size = 8;
  int64_t per_device_eval_batch_size = 8;
  int64_t gradient_accumulation_steps = 1;
  double learning_rate = 2e-4;
  double weight_decay = 0;
  double adam_beta1 = 0.9, adam_beta2 = 0.999, adam_epsilon = 1e-8;
  double max_grad_norm = 1;  ///< 0: no clipping
  std::string optim = "adamw";
  std::string lr_scheduler_type = "cosine";
  double warmup_ratio = 0.1;            ///< of all steps; ignored when warmup_steps is given
  std::optional<int64_t> warmup_steps;  ///< unset: warmup_ratio decides
  double min_lr_ratio = 0;              ///< the rate at the end, as a fraction of learning_rate
  int64_t logging_steps = 10;
  std::string eval_strategy =
      "auto";  ///< no, steps, epoch; auto: with validation data epoch if save_strategy is, else steps; without it no
  std::optional<int64_t> eval_steps;    ///< unset: save_steps
  std::string save_strategy = "steps";  ///< no, steps, epoch
  int64_t save_steps = 500;
  std::optional<int64_t> save_total_limit;  ///< unset: keep all
  double save_seconds = 0;                  ///< between two checkpoints for going on alone; 0: none of them
  bool load_best_model_at_end = false;
  std::string metric_for_best_model = "eval_loss";
  std::optional<bool> greater_is_better;           ///< unset: false for losses and perplexity, true otherwise
  std::optional<int64_t> early_stopping_patience;  ///< evaluations without gain before stopping; unset: never
  double early_stopping_threshold = 0;
  int64_t seed = 42;
  bool gradient_checkpointing = false;
  double neftune_noise_alpha = 0;  ///< 0: no noise on embeddings
  bool group_by_length = false;
  std::string save_dtype = "float32";  ///< of a model folder that is the result: auto (as the base), float32, …
  std::string resume_from_checkpoint;  ///< "" (none), "latest", or a checkpoint folder
  bool eval_on_start = false;
};

struct TrainConfig {
  ModelConfig model;
  DataConfig data;
  std::string method = "lora";    ///< looked up in the registry of methods
  std::string objective = "sft";  ///< looked up in the registry of objectives
  LoraConfig lora;
  QuantizationConfig quantization;
  PartialConfig partial;
  DpoConfig dpo;
  TrainingConfig training;
  RegularizationConfig regularization;
  std::vector<std::string> tracking = {"tensorboard"};

  /// What the optional settings come to.
  std::string resolved_eval_strategy() const;
  int64_t resolved_eval_steps() const { return training.eval_steps.value_or(training.save_steps); }
  bool resolved_greater_is_better() const;
  bool has_validation() const { return !std::holds_alternative<std::monostate>(data.validation); }
};

/// Lists every setting of `config` once, for reading, writing and documentation alike.
void describe(Fields fields, TrainConfig& config);

/// Reads the file, applies `overrides` ("training.learning_rate=1e-4", values in YAML), checks each
/// value and the settings against each other. All faults are reported together in one Error(kInput).
/// Relative paths are left as written: they are taken relative to the working directory.
TrainConfig read_train_config(const std::filesystem::path& file, const std::vector<std::string>& overrides = {});
/// Same for text that is already in memory; `source` names it in messages.
TrainConfig parse_train_config(const std::string& text, const std::string& source,
                               const std::vector<std::string>& overrides = {});

/// Fully resolved, every default shown; reading it back gives the same configuration.
std::string train_config_yaml(const TrainConfig& config);
Json train_config_json(const TrainConfig& config);
/// The table of all settings in Markdown, for docs/configuration.md.
std::string train_config_markdown();

}  // namespace hone::recipe
