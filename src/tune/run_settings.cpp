#include "tune/run_settings.h"

#include <utility>

#include "base/hash.h"
#include "tensor/device.h"

namespace hone::tune {
namespace {

When when(const std::string& name) {
  return name == "steps" ? When::kSteps : name == "epoch" ? When::kEpoch : When::kNever;
}

/// A list is one of names, a text is a regular expression.
void take(const TextOrList& from, std::vector<std::string>& names, std::string& pattern) {
  if (const auto* list = std::get_if<std::vector<std::string>>(&from))
    names = *list;
  else
    pattern = std::get<std::string>(from);
}

exchange::LoraSettings lora_settings(const recipe::TrainConfig& config) {
  const recipe::LoraConfig& from = config.lora;
  exchange::LoraSettings to;
  to.r = from.r;
  to.lora_alpha = from.lora_alpha;
  to.lora_dropout = from.lora_dropout;
  to.use_rslora = from.use_rslora;
  to.layers_to_transform = from.layers_to_transform;
  to.layers_pattern = from.layers_pattern;
  to.rank_pattern.assign(from.rank_pattern.begin(), from.rank_pattern.end());
  to.alpha_pattern.assign(from.alpha_pattern.begin(), from.alpha_pattern.end());
  to.bias = from.bias;
  to.modules_to_save = from.modules_to_save;
  to.ensure_weight_tying = from.ensure_weight_tying;
  to.init_lora_weights = from.init_lora_weights;
  to.base_model_name_or_path = config.model.name_or_path;
  take(from.target_modules, to.target_modules, to.target_pattern);
  if (to.target_pattern == "all-linear") to.target_modules = {std::exchange(to.target_pattern, "")};
  take(from.exclude_modules, to.exclude_modules, to.exclude_pattern);
  return to;
}

PartialChoice partial_choice(const recipe::PartialConfig& from) {
  PartialChoice to;
  to.freeze_first_layers = from.freeze_first_layers;
  to.train_first_layers = from.train_first_layers;
  to.train_last_layers = from.train_last_layers;
  to.embeddings = from.embeddings;
  to.head = from.head;
  to.norms = from.norms;
  to.biases = from.biases;
  take(from.modules, to.modules, to.module_pattern);
  return to;
}

bool is_quantized(const recipe::TrainConfig& config) {
  return config.quantization.load_in_4bit || config.quantization.load_in_8bit;
}

}  // namespace

MethodOptions method_options(const recipe::TrainConfig& config) {
  MethodOptions options;
  options.lora = lora_settings(config);
  options.seed = static_cast<uint64_t>(config.training.seed);
  options.base_folder = config.model.name_or_path;
  options.adapter = config.lora.adapter_name_or_path;
  options.partial = partial_choice(config.partial);
  options.save_type.reset();
  if (const std::string& name = config.training.save_dtype; name != "auto")
    options.save_type = tensor::dtype_from_name(name, "training.save_dtype");
  return options;
}

TrainerOptions trainer_options(const recipe::TrainConfig& config, const ObjectiveKind& objective) {
  const recipe::TrainingConfig& t = config.training;
  TrainerOptions o;
  o.output_dir = t.output_dir;
  o.num_train_epochs = t.num_train_epochs;
  o.max_steps = t.max_steps;
  o.gradient_accumulation_steps = t.gradient_accumulation_steps;
  o.learning_rate = t.learning_rate;
  o.lr_scheduler_type = t.lr_scheduler_type;
  o.warmup_ratio = t.warmup_steps ? 0 : t.warmup_ratio;
  o.warmup_steps = t.warmup_steps.value_or(0);
  o.min_lr_ratio = t.min_lr_ratio;
  o.optim = t.optim;
  o.optimizer = {
      .beta1 = t.adam_beta1, .beta2 = t.adam_beta2, .epsilon = t.adam_epsilon, .weight_decay = t.weight_decay};
  o.max_grad_norm = t.max_grad_norm;
  o.logging_steps = t.logging_steps;
  o.eval_strategy = when(config.resolved_eval_strategy());
  o.eval_steps = config.resolved_eval_steps();
  o.save_strategy = when(t.save_strategy);
  o.save_steps = t.save_steps;
  o.save_total_limit = t.save_total_limit.value_or(0);
  o.save_seconds = t.save_seconds;
  o.load_best_model_at_end = t.load_best_model_at_end;
  o.metric_for_best_model = t.metric_for_best_model;
  o.greater_is_better = config.resolved_greater_is_better();
  o.early_stopping_patience = t.early_stopping_patience.value_or(0);
  o.early_stopping_threshold = t.early_stopping_threshold;
  o.eval_on_start = t.eval_on_start;
  o.seed = static_cast<uint64_t>(t.seed);
  o.gradient_checkpointing = t.gradient_checkpointing;
  o.neftune_noise_alpha = t.neftune_noise_alpha;
  o.batch = {.packing = config.data.packing,
             .max_length = config.data.max_length,
             .rows = t.per_device_train_batch_size,
             .unit = static_cast<int64_t>(objective.branches.size()),
             .shuffle = config.data.shuffle,
             .group_by_length = t.group_by_length,
             .seed = static_cast<uint64_t>(t.seed)};
  o.eval_rows = t.per_device_eval_batch_size;
  o.resume = t.resume_from_checkpoint;
  return o;
}

std::string run_fingerprint(const recipe::TrainConfig& config, const std::string& data, at::ScalarType compute_type) {
  recipe::TrainConfig same = config;
  const recipe::TrainingConfig defaults;
  recipe::TrainingConfig& t = same.training;
  t.output_dir = defaults.output_dir;
  t.resume_from_checkpoint.clear();
  t.logging_steps = defaults.logging_steps;
  t.eval_strategy = defaults.eval_strategy;
  t.eval_steps = defaults.eval_steps;
  t.save_strategy = defaults.save_strategy;
  t.save_steps = defaults.save_steps;
  t.save_total_limit = defaults.save_total_limit;
  t.save_seconds = defaults.save_seconds;
  t.eval_on_start = defaults.eval_on_start;
  t.load_best_model_at_end = defaults.load_best_model_at_end;
  t.per_device_eval_batch_size = defaults.per_device_eval_batch_size;
  t.early_stopping_patience = defaults.early_stopping_patience;
  same.dpo.reference_cache.clear();
  same.tracking.clear();
  return fingerprint(recipe::train_config_yaml(same) + data + tensor::dtype_name(compute_type));
}

at::ScalarType compute_type(const recipe::TrainConfig& config, const c10::Device& device) {
  // As in transformers, a model asked for in a type computes in it.
  const std::string few = is_quantized(config) ? config.quantization.bnb_4bit_compute_dtype : "auto";
  const std::string asked = few != "auto"                          ? few
                            : config.model.compute_dtype != "auto" ? config.model.compute_dtype
                                                                   : config.model.torch_dtype;
  return tensor::compute_dtype_from_name(asked, "model.compute_dtype", device);
}

std::optional<model::Quantization> quantization(const recipe::TrainConfig& config) {
  if (!is_quantized(config)) return std::nullopt;
  const recipe::QuantizationConfig& from = config.quantization;
  model::Quantization to;
  to.options.type = from.load_in_8bit
                        ? tensor::QuantType::kInt8
                        : tensor::quant_type_from_name(from.bnb_4bit_quant_type, "quantization.bnb_4bit_quant_type");
  to.options.double_quant = from.bnb_4bit_use_double_quant;
  to.modules_to_not_convert = from.modules_to_not_convert;
  return to;
}

}  // namespace hone::tune
