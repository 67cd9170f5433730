#include "tune/run.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/failures.h"
#include "base/file.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "model/checkpoint.h"
#include "tensor/device.h"
#include "track/experiment_card.h"
#include "track/tracker.h"
#include "tune/run_data.h"
#include "tune/run_settings.h"

namespace hone::tune {
namespace fs = std::filesystem;

std::string RunPlan::trainable_line() const {
  return format("trainable params: %s || all params: %s || trainable%%: %.4f",
                with_commas(parameters.trainable).c_str(), with_commas(parameters.total).c_str(),
                100.0 * static_cast<double>(parameters.trainable) / static_cast<double>(parameters.total));
}

Json RunPlan::estimate_json() const {
  Json json = to_json();
  json["memory_limit"] = memory_limit > 0 ? Json(memory_limit) : Json(nullptr);
  json["fits"] = fits_in_memory();
  json["nearest_fits"] = Json::array();
  for (const Fit& fit : fits) json["nearest_fits"].push_back({{"changes", fit.changes}, {"peak", fit.peak}});
  json["time"] = probe ? probe->to_json() : Json(nullptr);
  return json;
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
          {"data", data.to_json()},
          {"memory", memory.to_json()}};
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

/// A method that trains matrices of the base finds nothing to train in those that lie in few bits.
void check_few_bits(const recipe::TrainConfig& config, const MethodKind& method) {
  const recipe::QuantizationConfig& asked = config.quantization;
  if (method.takes_few_bits || (!asked.load_in_4bit && !asked.load_in_8bit)) return;
  fail_input("method",
             "\"" + config.method + "\" trains weights that load_in_" + (asked.load_in_4bit ? "4" : "8") +
                 "bit would freeze in few bits",
             "use method: lora, or leave quantization out");
}

/// The same for a folder that was written in few bits.
void check_base(const recipe::TrainConfig& config, const MethodKind& method) {
  if (method.takes_few_bits || !model::stored_quantization(fs::path(config.model.name_or_path))) return;
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

/// One run, from reading to the result.
class Run {
 public:
  Run(const recipe::TrainConfig& config, const RunOptions& options)
      : config_(config),
        options_(options),
        device_(tensor::device_from_name(options.device)),
        type_(compute_type(config, device_)),
        objective_kind_(objectives().at(config.objective, "objective").make),
        method_kind_(methods().at(config.method, "method").make),
        output_(config.training.output_dir),
        settings_(trainer_options(config, objective_kind_)),
        log_(config, options.show_progress) {
    if (const auto& name = config.regularization.type; name != "none") regularizers().at(name, "regularization.type");
    optimizer_named(config.training.optim, "training.optim");  // known before anything is read
    check_few_bits(config, method_kind_);
  }

  TrainSummary run();

 private:
  void read();
  void plan();
  void plan_memory_use();
  void load();
  TrainSummary train();

  const recipe::TrainConfig& config_;
  const RunOptions& options_;
  c10::Device device_;
  at::ScalarType type_;
  const ObjectiveKind& objective_kind_;
  MethodKind method_kind_;
  fs::path output_;
  TrainerOptions settings_;
  TerminalLog log_;
  RunText text_;
  RunData data_;
  std::string data_hash_;
  RunPlan plan_;
  std::unique_ptr<model::Decoder> decoder_;
  std::unique_ptr<Method> method_;
  std::unique_ptr<Objective> objective_;
  std::unique_ptr<Trainer> trainer_;
};

void Run::read() {
  text_ = load_text(config_, objective_kind_);
  data_ = load_data(config_, objective_kind_, text_, output_ / "rejected.jsonl", options_.show_progress);
  check_positions(config_, data_);
  check_base(config_, method_kind_);
}

void Run::plan() {
  if (data_.train.empty()) fail_input("data.train", "holds no example to train on");
  const BatchPlan batches(data_.train, settings_.batch);
  plan_.data = summarise(data_, objective_kind_.branches, batches.rows());
  plan_.steps_per_epoch = steps_per_epoch(batches, settings_);
  plan_.total_steps = total_steps(batches, settings_);
  plan_.compute_dtype = tensor::dtype_name(type_);
  plan_.machine = tensor::processor_summary(device_);
  plan_.method = config_.method;
  plan_.objective = config_.objective;
  plan_memory_use();
  plan_.parameters = plan_.memory.parameters;
}

/// Memory of the run, what it may take, and what would fit if it does not.
void Run::plan_memory_use() {
  const int64_t program = device_.is_cpu() ? program_bytes() : 0, free = tensor::available_memory_bytes(device_);
  plan_.memory = plan_memory(config_, objective_kind_, data_, device_, program);
  plan_.memory_limit = options_.memory_limit > 0 ? options_.memory_limit
                       : free > 0                ? free + tensor::resident_bytes()
                                                 : 0;
  if (plan_.fits_in_memory()) return;
  plan_.fits = nearest_fits(config_, objective_kind_, data_, device_, program, plan_.memory_limit);
  if (!options_.check_memory) return;
  std::string remedy;
  for (const Fit& fit : plan_.fits) {
    remedy += format("%s%s (%s)", remedy.empty() ? "nearest settings that fit: " : "; or ",
                     join(fit.changes, " ").c_str(), human_bytes(static_cast<double>(fit.peak)).c_str());
  }
  if (remedy.empty()) remedy = "no setting makes it fit: choose a smaller model or a machine with more memory";
  throw OutOfMemory(
      "memory",
      format("this run takes about %s at its peak, and %s are free for it (`hone estimate` shows for what)",
             human_bytes(static_cast<double>(plan_.memory.peak)).c_str(),
             human_bytes(static_cast<double>(plan_.memory_limit)).c_str()),
      remedy + "; or try all the same with --no-memory-check");
}

void Run::load() {
  decoder_ = model::Decoder::load(config_.model.name_or_path, {.compute_type = type_,
                                                               .device = device_,
                                                               .keep_stored_type = method_kind_.trains_base,
                                                               .quantization = quantization(config_)});
  method_ = method_kind_.make(*decoder_, method_options(config_));
  objective_ = objective_kind_.make({.decoder = *decoder_, .config = config_, .show_progress = options_.show_progress});
  settings_.regularizer = {config_.regularization.type, config_.regularization.lambda, &data_.kept};
  data_hash_ = data_fingerprint(data_.train);
  settings_.run_fingerprint = run_fingerprint(config_, data_hash_ + data_fingerprint(data_.kept), type_);
  const auto save_extras = [this](const fs::path& folder) {
    model::copy_tokenizer(text_.tokenizer_folder, folder);
    if (!text_.chat_template.empty()) write_file(folder / "chat_template.jinja", text_.chat_template);
  };
  trainer_ = std::make_unique<Trainer>(*decoder_, *method_, *objective_, data_.train, data_.validation, settings_, log_,
                                       save_extras);
}

TrainSummary Run::train() {
  objective_->prepare({&data_.train, &data_.validation, &data_.test},
                      [this](const std::string& news) { log_.note(news); });
  // Written once the checkpoint to go on from has been accepted: a refused continuation changes nothing.
  log_.on_begin = [this] {
    write_file(output_ / "config.yaml", recipe::train_config_yaml(config_));
    write_json(
        output_ / "run.json",
        {{"data_fingerprint", data_hash_}, {"run_fingerprint", settings_.run_fingerprint}, {"plan", plan_.to_json()}});
  };
  TrainSummary summary = trainer_->run();
  summary.parameters = plan_.parameters;
  if (!data_.test.empty()) {
    auto scores = objective_->evaluate(data_.test, settings_.eval_rows);
    summary.test_loss = scores[0].second;
    for (auto& [name, value] : scores) name.insert(0, "test_");
    log_.log(summary.steps, scores);
  }
  Json figures = summary.to_json();
  figures["train_examples"] = plan_.data.train_examples;
  write_json(output_ / "summary.json", figures);
  track::write_experiment_card(output_);
  return summary;
}

TrainSummary Run::run() {
  if (!options_.dry_run) check_output(config_);
  read();
  plan();
  // What does not fit is not loaded for the sake of a plan.
  const bool probes = options_.dry_run && options_.probe_seconds > 0 && plan_.fits_in_memory();
  if (!options_.dry_run || probes) load();
  if (probes) plan_.probe = trainer_->probe(options_.probe_seconds);
  if (options_.on_plan) options_.on_plan(plan_);
  return options_.dry_run ? TrainSummary{} : train();
}

}  // namespace

TrainSummary run_training(const recipe::TrainConfig& config, const RunOptions& options) {
  tensor::set_threads(options.threads);
  return Run(config, options).run();
}

}  // namespace hone::tune
