#include "recipe/train_config_checks.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/pattern.h"
#include "base/strings.h"

namespace hone::recipe {
namespace {

using Count = long long;  // for printf's %lld

void check_steps(TrainingConfig& c, ConfigReader& reader) {
  if (c.max_steps == 0) {
    reader.fault("training.max_steps", "0 would train nothing",
                 "use -1 to train for num_train_epochs, or a number of steps");
  }
  if (reader.is_set("training.warmup_steps") && c.warmup_steps && reader.is_set("training.warmup_ratio") &&
      c.warmup_ratio > 0) {
    reader.fault("training.warmup_ratio", "is given beside training.warmup_steps, which would win",
                 "keep one of the two");
  }
  // The default ratio gives way, and the resolved form says so: it must read back without a contradiction.
  if (c.warmup_steps) c.warmup_ratio = 0;
  if (c.max_steps > 0 && c.warmup_steps.value_or(0) > c.max_steps) {
    reader.fault("training.warmup_steps",
                 format("%lld is more than training.max_steps %lld", static_cast<Count>(*c.warmup_steps),
                        static_cast<Count>(c.max_steps)),
                 "warm up for a part of the steps only");
  }
}

void check_evaluation(const TrainConfig& config, ConfigReader& reader) {
  const TrainingConfig& c = config.training;
  const std::string eval = config.resolved_eval_strategy();
  constexpr const char* kNeedsData = "set data.validation to a file, or to a fraction such as 0.1";
  if (eval != "no" && !config.has_validation()) {
    reader.fault("training.eval_strategy", "\"" + eval + "\" needs validation data", kNeedsData);
  }
  if (c.eval_on_start && !config.has_validation())
    reader.fault("training.eval_on_start", "needs validation data", kNeedsData);
  if (c.early_stopping_patience && eval == "no") {
    reader.fault("training.early_stopping_patience", "needs evaluations, and there are none",
                 config.has_validation() ? "set training.eval_strategy to steps or epoch" : kNeedsData);
  }
  if (!c.load_best_model_at_end) return;
  if (eval == "no") {
    reader.fault("training.load_best_model_at_end", "needs evaluations to find the best, and there are none",
                 config.has_validation() ? "set training.eval_strategy to steps or epoch" : kNeedsData);
  } else if (c.save_strategy != eval) {
    reader.fault("training.load_best_model_at_end",
                 "needs a checkpoint at each evaluation: training.eval_strategy is " + eval +
                     ", training.save_strategy " + c.save_strategy,
                 "give both the same value");
  } else if (eval == "steps" && c.save_steps % config.resolved_eval_steps() != 0) {
    reader.fault("training.save_steps",
                 format("%lld is no multiple of training.eval_steps %lld, so checkpoints would lack a metric and "
                        "training.load_best_model_at_end could not choose",
                        static_cast<Count>(c.save_steps), static_cast<Count>(config.resolved_eval_steps())),
                 "make save_steps a multiple of eval_steps");
  }
}

/// What is learnt from must not be what it is measured on.
void check_files(const DataConfig& c, ConfigReader& reader) {
  const auto in_training = [&](const std::string& file) {
    return std::any_of(c.train.begin(), c.train.end(), [&](const std::string& other) {
      return std::filesystem::path(file).lexically_normal() == std::filesystem::path(other).lexically_normal();
    });
  };
  constexpr const char* kRemedy = "use a file of its own, or set data.validation to a fraction to hold records out";
  const auto* validation = std::get_if<std::string>(&c.validation);
  if (validation != nullptr && in_training(*validation)) {
    reader.fault("data.validation", "\"" + excerpt(*validation, 80) + "\" is a training file too", kRemedy);
  }
  if (!c.test.empty() && in_training(c.test)) {
    reader.fault("data.test", "\"" + excerpt(c.test, 80) + "\" is a training file too", kRemedy);
  }
}

/// A text that is to be a regular expression must be one.
void check_expression(const TextOrList& value, const std::string& path, const std::string& remedy,
                      ConfigReader& reader) {
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr || text->empty() || *text == "all-linear") return;
  try {
    const Pattern pattern(*text, "");
  } catch (const Error& error) {
    reader.fault(path, error.message(), remedy);
  }
}

/// An adapter that is gone on from has been made with its own settings.
void check_adapter(const TrainConfig& config, ConfigReader& reader) {
  if (config.lora.adapter_name_or_path.empty()) return;
  if (config.method != "lora") {
    reader.fault("lora.adapter_name_or_path", "is given, but the method is " + config.method,
                 "merge the adapter (hone merge) and start from the merged model");
  }
  const Json given = train_config_json(config)["lora"], defaults = train_config_json(TrainConfig{})["lora"];
  for (const auto& [key, value] : given.items()) {
    if (key == "adapter_name_or_path" || value == defaults[key]) continue;
    reader.fault("lora." + key, "is given beside lora.adapter_name_or_path, whose adapter has its own",
                 "leave it out, or start a fresh adapter");
  }
}

void check_quantization(const TrainConfig& config, ConfigReader& reader) {
  const QuantizationConfig& c = config.quantization;
  if (c.load_in_4bit && c.load_in_8bit) {
    reader.fault("quantization.load_in_8bit", "is given beside load_in_4bit", "keep one of the two");
  }
  if (c.bnb_4bit_compute_dtype != "auto" && config.model.compute_dtype != "auto" &&
      c.bnb_4bit_compute_dtype != config.model.compute_dtype) {
    reader.fault("quantization.bnb_4bit_compute_dtype",
                 "is " + c.bnb_4bit_compute_dtype + ", model.compute_dtype " + config.model.compute_dtype,
                 "keep one of the two: all arithmetic is in one type");
  }
}

/// The three ways of naming layers exclude one another where they would mean the same twice.
void check_partial(const TrainConfig& config, ConfigReader& reader) {
  const PartialConfig& c = config.partial;
  if (config.method != "partial") return;
  const auto* names = std::get_if<std::vector<std::string>>(&c.modules);
  const bool modules = names == nullptr ? !std::get<std::string>(c.modules).empty() : !names->empty();
  const bool layers = c.freeze_first_layers || c.train_first_layers || c.train_last_layers;
  if (!modules && !layers && !c.embeddings && !c.head && !c.biases && c.norms == "none") {
    reader.fault("partial", "names nothing to train",
                 "set train_last_layers, freeze_first_layers, modules, embeddings, head, norms or biases");
  }
  if (c.freeze_first_layers && (c.train_first_layers || c.train_last_layers)) {
    reader.fault("partial.freeze_first_layers", "is given beside layers that are to be trained",
                 "keep one of the two ways to say it");
  }
  check_expression(c.modules, "partial.modules",
                   "give a list of names, or a regular expression for a module's full name", reader);
}

void check_regularization(const TrainConfig& config, ConfigReader& reader) {
  const RegularizationConfig& c = config.regularization;
  if (c.type == "none" && (c.lambda > 0 || !c.data.empty())) {
    reader.fault(
        "regularization.type",
        "is none, and regularization." + std::string(c.lambda > 0 ? "lambda" : "data") + " would have no effect",
        "set it to l2_sp or ewc");
  }
  if (c.type != "none" && c.lambda == 0)
    reader.fault("regularization.lambda", "is 0, so the penalty would have no effect", "set it, 0.01 for example");
  if (c.type == "ewc" && c.data.empty())
    reader.fault("regularization.data", "is needed by ewc: examples of what is not to be forgotten", "name a file");
}

void check_batches(const TrainConfig& config, ConfigReader& reader) {
  if (!config.training.group_by_length) return;
  if (config.data.packing) {
    reader.fault("training.group_by_length", "has no use with data.packing: packed rows are of one length",
                 "set data.packing to false, or leave it out");
  }
  if (!config.data.shuffle)
    reader.fault("training.group_by_length", "is given beside data.shuffle: false, which keeps the order of the file",
                 "leave one of the two out");
}

void check_preferences(TrainConfig& config, ConfigReader& reader) {
  if (config.objective != "dpo" && config.objective != "ipo") return;
  DpoConfig& c = config.dpo;
  if (config.objective == "ipo") {
    if (reader.is_set("dpo.loss_type") && c.loss_type != "ipo") {
      reader.fault("dpo.loss_type", "is " + c.loss_type + ", but the objective is ipo",
                   "use objective: dpo, or leave dpo.loss_type out");
    }
    c.loss_type = "ipo";
  }
  if (c.label_smoothing > 0 && (c.loss_type == "hinge" || c.loss_type == "ipo")) {
    reader.fault("dpo.label_smoothing", "has no meaning for loss_type " + c.loss_type,
                 "leave it out, or use sigmoid or robust");
  }
  if (config.regularization.type == "ewc") {
    reader.fault("regularization.type", "ewc looks at next-token losses, which pairs have none of",
                 "use l2_sp, or leave it out");
  }
  if (config.data.train_on_prompt) {
    reader.fault("data.train_on_prompt", "has no meaning for pairs, whose two answers have one prompt", "leave it out");
  }
}

}  // namespace

void check_together(TrainConfig& config, ConfigReader& reader) {
  if (config.tracking == std::vector<std::string>{"none"}) config.tracking.clear();
  check_steps(config.training, reader);
  check_evaluation(config, reader);
  check_files(config.data, reader);
  check_expression(config.lora.target_modules, "lora.target_modules",
                   "give a list of names, all-linear, or a regular expression for the full name", reader);
  check_expression(config.lora.exclude_modules, "lora.exclude_modules",
                   "give a list of names, or a regular expression for the full name", reader);
  check_adapter(config, reader);
  check_quantization(config, reader);
  check_partial(config, reader);
  check_regularization(config, reader);
  check_batches(config, reader);
  check_preferences(config, reader);
}

}  // namespace hone::recipe
