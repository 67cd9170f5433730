#include "tune/run.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "model/checkpoint.h"
#include "tensor/device.h"
#include "track/experiment_card.h"
#include "track/tracker.h"
#include "tune/run_data.h"

namespace hone::tune {
namespace fs = std::filesystem;

std::string RunPlan::trainable_line() const {
  return format("trainable params: %s || all params: %s || trainable%%: %.4f",
                with_commas(parameters.trainable).c_str(), with_commas(parameters.total).c_str(),
                100.0 * static_cast<double>(parameters.trainable) / static_cast<double>(parameters.total));
}

Json RunPlan::to_json() const {
  return {{"method", method},
          {"objective", objective},
          {"trainable_parameters", parameters.trainable},
          {"total_parameters", parameters.total},
          {"total_steps", total_steps},
          {"steps_per_epoch", steps_per_epoch},
          {"compute_dtype", compute_dtype},
          {"machine", machine},
          {"data", data.to_json()}};
}

namespace {

/// Trackers, the progress line and notes of one run.
class TerminalLog : public RunLog {
 public:
  TerminalLog(const recipe::TrainConfig& config, bool show_progress) : config_(config), show_(show_progress) {}

  std::function<void()> on_begin;

  void begin(int64_t step, int64_t total_steps) override {
    if (on_begin) on_begin();
    track::TrackerOptions options{.folder = config_.training.output_dir};
    // A fresh run starts its logs anew; a continued one drops what came after its checkpoint.
    options.resume_after_step = step > 0 ? step : -1;
    trackers_ = std::make_unique<track::TrackerGroup>(names(), options, "tracking");
    if (!show_) return;
    progress_ = std::make_unique<Progress>("training", static_cast<double>(total_steps), "steps");
    progress_->start_at(static_cast<double>(step));
  }
  void progress(int64_t step, double loss) override {
    last_loss_ = loss;
    if (progress_) progress_->update(static_cast<double>(step), format("loss %.4f", last_loss_) + eval_text_);
  }
  void log(int64_t step, const std::vector<std::pair<std::string, double>>& values) override {
    std::vector<track::Scalar> scalars;
    for (const auto& [name, value] : values) {
      scalars.push_back({name, value});
      if (name == "eval_loss") eval_text_ = format(" · eval_loss %.4f", value);
    }
    trackers_->log_scalars(step, track::wall_time_now(), scalars);
    trackers_->flush();
  }
  void note(const std::string& text) override { say(text); }

 private:
  /// metrics.jsonl is always written: other programs read it.
  std::vector<std::string> names() const {
    std::vector<std::string> all = config_.tracking;
    if (std::find(all.begin(), all.end(), "jsonl") == all.end()) all.insert(all.begin(), "jsonl");
    return all;
  }
  const recipe::TrainConfig& config_;
  bool show_;
  std::unique_ptr<track::TrackerGroup> trackers_;
  std::unique_ptr<Progress> progress_;
  double last_loss_ = 0;
  std::string eval_text_;
};

When when(const std::string& name) {
  return name == "steps" ? When::kSteps : name == "epoch" ? When::kEpoch : When::kNever;
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
  if (const auto* names = std::get_if<std::vector<std::string>>(&from.target_modules))
    to.target_modules = *names;
  else if (const auto& text = std::get<std::string>(from.target_modules); text == "all-linear")
    to.target_modules = {text};
  else
    to.target_pattern = text;
  if (const auto* names = std::get_if<std::vector<std::string>>(&from.exclude_modules))
    to.exclude_modules = *names;
  else
    to.exclude_pattern = std::get<std::string>(from.exclude_modules);
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
  if (const auto* names = std::get_if<std::vector<std::string>>(&from.modules))
    to.modules = *names;
  else
    to.module_pattern = std::get<std::string>(from.modules);
  return to;
}

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

TrainerOptions trainer_options(const recipe::TrainConfig& config) {
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
             .shuffle = config.data.shuffle,
             .group_by_length = t.group_by_length,
             .seed = static_cast<uint64_t>(t.seed)};
  o.eval_rows = t.per_device_eval_batch_size;
  o.resume = t.resume_from_checkpoint;
  return o;
}

/// Everything that decides the losses: a continuation must agree in all of it. How often is logged,
/// evaluated or saved may change.
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
  t.eval_on_start = defaults.eval_on_start;
  t.load_best_model_at_end = defaults.load_best_model_at_end;
  t.per_device_eval_batch_size = defaults.per_device_eval_batch_size;
  t.early_stopping_patience = defaults.early_stopping_patience;
  same.dpo.reference_cache.clear();
  same.tracking.clear();
  return fingerprint(recipe::train_config_yaml(same) + data + tensor::dtype_name(compute_type));
}

bool is_quantized(const recipe::TrainConfig& config) {
  return config.quantization.load_in_4bit || config.quantization.load_in_8bit;
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

/// A base that lies in few bits cannot be trained itself.
void check_base(const recipe::TrainConfig& config, bool trains_base) {
  if (!trains_base || !model::stored_quantization(fs::path(config.model.name_or_path))) return;
  fail_input("method",
             "\"" + config.method + "\" trains the weights of " + config.model.name_or_path + ", which are quantised",
             "use method: lora, or the original, unquantised model");
}

/// A finished run is not overwritten by accident; one that was cut short is continued only when asked.
void check_output(const recipe::TrainConfig& config) {
  const fs::path folder = config.training.output_dir;
  if (!config.training.resume_from_checkpoint.empty() || !fs::exists(folder)) return;
  if (!fs::is_directory(folder)) fail_input("training.output_dir", folder.string() + " is a file");
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (starts_with(name, "checkpoint-") || name == "metrics.jsonl") {
      fail_input("training.output_dir", folder.string() + " holds an earlier run",
                 "continue it with --resume, or choose another output_dir, or remove the folder");
    }
  }
}

/// A model whose positions are learned has none for what lies beyond them: said before anything is spent.
void check_positions(const recipe::TrainConfig& config, const RunData& data) {
  const int64_t limit = model::read_config(config.model.name_or_path).position_limit();
  if (limit == 0) return;
  for (const Examples* examples : {&data.train, &data.validation, &data.test}) {
    for (const text::EncodedExample& example : *examples) {
      if (static_cast<int64_t>(example.ids.size()) <= limit) continue;
      fail_input(format("%s:%lu", example.origin.file.c_str(), example.origin.line),
                 format("has %zu tokens, the model has %ld positions", example.ids.size(), limit),
                 format("set data.max_length: %ld (and data.on_too_long, which says what happens to it)", limit));
    }
  }
}

}  // namespace

TrainSummary run_training(const recipe::TrainConfig& config, const RunOptions& options) {
  tensor::set_threads(options.threads);
  const c10::Device device = tensor::device_from_name(options.device);
  const at::ScalarType type = compute_type(config, device);
  const ObjectiveKind& objective_kind = objectives().at(config.objective, "objective").make;
  if (const auto& name = config.regularization.type; name != "none") regularizers().at(name, "regularization.type");
  optimizer_named(config.training.optim, "training.optim");  // known before anything is read
  const MethodKind method_kind = methods().at(config.method, "method").make;
  const fs::path output = config.training.output_dir;
  if (!options.dry_run) check_output(config);

  const RunText text = load_text(config, objective_kind);
  const RunData data = load_data(config, objective_kind, text, output / "rejected.jsonl", options.show_progress);
  check_positions(config, data);
  check_base(config, method_kind.trains_base);
  const auto decoder = model::Decoder::load(config.model.name_or_path, {.compute_type = type,
                                                                        .device = device,
                                                                        .keep_stored_type = method_kind.trains_base,
                                                                        .quantization = quantization(config)});
  const int64_t base_parameters = decoder->parameter_count();  // before a method puts copies in the place of some
  const auto method = method_kind.make(*decoder, method_options(config));
  TrainerOptions trainer_settings = trainer_options(config);
  trainer_settings.regularizer = {config.regularization.type, config.regularization.lambda, &data.kept};
  const auto objective =
      objective_kind.make({.decoder = *decoder, .config = config, .show_progress = options.show_progress});
  trainer_settings.batch.unit = static_cast<int64_t>(objective_kind.branches.size());
  const std::string data_hash = data_fingerprint(data.train);
  trainer_settings.run_fingerprint = run_fingerprint(config, data_hash + data_fingerprint(data.kept), type);

  TerminalLog log(config, options.show_progress);
  const auto save_extras = [&](const fs::path& folder) {
    model::copy_tokenizer(text.tokenizer_folder, folder);
    if (!text.chat_template.empty()) write_file(folder / "chat_template.jinja", text.chat_template);
  };
  Trainer trainer(*decoder, *method, *objective, data.train, data.validation, trainer_settings, log, save_extras);

  RunPlan plan;
  plan.data = summarise(data, objective_kind.branches, trainer.batches().rows());
  plan.total_steps = trainer.total_steps();
  plan.steps_per_epoch = trainer.steps_per_epoch();
  plan.parameters = count_parameters(base_parameters, *method);
  plan.compute_dtype = tensor::dtype_name(type);
  plan.machine = tensor::processor_summary(device);
  plan.method = config.method;
  plan.objective = config.objective;
  if (options.on_plan) options.on_plan(plan);
  if (options.dry_run) return {};
  objective->prepare({&data.train, &data.validation, &data.test}, [&](const std::string& news) { log.note(news); });

  // Written once the checkpoint to go on from has been accepted: a refused continuation changes nothing.
  log.on_begin = [&] {
    write_file(output / "config.yaml", recipe::train_config_yaml(config));
    write_json(output / "run.json", {{"data_fingerprint", data_hash},
                                     {"run_fingerprint", trainer_settings.run_fingerprint},
                                     {"plan", plan.to_json()}});
  };
  TrainSummary summary = trainer.run();
  summary.parameters = plan.parameters;
  if (!data.test.empty()) {
    auto scores = objective->evaluate(data.test, trainer_settings.eval_rows);
    summary.test_loss = scores[0].second;
    for (auto& [name, value] : scores) name.insert(0, "test_");
    log.log(summary.steps, scores);
  }
  Json figures = summary.to_json();
  figures["train_examples"] = plan.data.train_examples;
  write_json(output / "summary.json", figures);
  track::write_experiment_card(output);
  return summary;
}

}  // namespace hone::tune
