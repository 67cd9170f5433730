// The training loop: micro-batches, one normalised loss a step, evaluation, checkpoints, exact resume.
// Knows nothing of how examples were made, what is tuned or what the loss is; those are Examples, Method, Objective.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/json.h"
#include "tune/dataset.h"
#include "tune/method.h"
#include "tune/objectives/registry.h"
#include "tune/optimizers/optimizer.h"
#include "tune/regularizers/regularizer.h"

namespace hone::tune {

enum class When { kNever, kSteps, kEpoch };

/// Names and meanings are TrainingArguments' of transformers, unless said otherwise.
struct TrainerOptions {
  std::filesystem::path output_dir;
  double num_train_epochs = 3;
  int64_t max_steps = -1;  ///< > 0 overrides num_train_epochs
  int64_t gradient_accumulation_steps = 1;
  double learning_rate = 2e-4;
  std::string lr_scheduler_type = "cosine";
  double warmup_ratio = 0;
  int64_t warmup_steps = 0;  ///< > 0 overrides warmup_ratio
  double min_lr_ratio = 0.1;
  std::string optim = "adamw";
  OptimizerOptions optimizer;
  double max_grad_norm = 1;
  int64_t logging_steps = 10;
  When eval_strategy = When::kSteps;
  int64_t eval_steps = 50;
  When save_strategy = When::kSteps;
  int64_t save_steps = 50;
  int64_t save_total_limit = 2;  ///< newest checkpoint-N folders kept; the best is kept apart, in best/
  double save_seconds = 0;       ///< > 0: a checkpoint for going on alone whenever the last one is as old as that
  bool load_best_model_at_end = false;
  std::string metric_for_best_model = "eval_loss";
  bool greater_is_better = false;
  int64_t early_stopping_patience = 0;  ///< evaluations without improvement; 0: never stop early
  double early_stopping_threshold = 0;
  bool eval_on_start = false;
  uint64_t seed = 42;
  bool gradient_checkpointing = false;
  double neftune_noise_alpha = 0;
  RegularizerOptions regularizer;
  BatchOptions batch;
  int64_t eval_rows = 8;
  std::string resume;           ///< "" fresh, "latest", or a checkpoint folder
  std::string run_fingerprint;  ///< of everything that must not change between a run and its continuation
};

/// Optimiser steps of an epoch and of the whole run, known before it starts.
int64_t steps_per_epoch(const BatchPlan& batches, const TrainerOptions& options);
int64_t total_steps(const BatchPlan& batches, const TrainerOptions& options);

/// What a finished run says of itself (`hone train --json` prints it).
struct TrainSummary {
  int64_t steps = 0, tokens = 0;
  double epochs = 0, train_loss = 0, seconds = 0, tokens_per_second = 0;
  std::optional<double> first_eval_loss, last_eval_loss, best_metric, test_loss;
  int64_t best_step = 0;
  ParameterCounts parameters;  ///< filled by run_training, which has seen the model before the method
  int64_t peak_memory_bytes = 0, optimizer_state_bytes = 0;
  bool stopped_early = false;
  std::string output_dir;
  Json to_json() const;
};

/// What a few steps took, and what that comes to.
struct StepProbe {
  int64_t tokens = 0;         ///< of the micro-batches that were timed
  double seconds = 0;         ///< of their forward and backward
  double update_seconds = 0;  ///< of clipping and the optimiser, once a step
  double step_seconds = 0;    ///< a step on average, all its micro-batches
  double run_seconds = 0;     ///< all steps, without evaluation and saving
  int64_t peak_memory_bytes = 0;
  double tokens_per_second() const { return seconds > 0 ? static_cast<double>(tokens) / seconds : 0; }
  Json to_json() const;
};

/// Where the trainer reports to: files, trackers, a terminal. Called from the training thread.
class RunLog {
 public:
  virtual ~RunLog() = default;
  /// Before the first step; `step` > 0 when the run goes on from there: later lines are to be dropped.
  virtual void begin(int64_t step, int64_t total_steps) = 0;
  /// After every step, for a progress line.
  virtual void progress(int64_t step, double loss) = 0;
  /// A line of figures: loss, learning_rate, grad_norm, tokens, … or eval_loss, ….
  virtual void log(int64_t step, const std::vector<std::pair<std::string, double>>& values) = 0;
  /// Something a person should know.
  virtual void note(const std::string& text) = 0;
};

class Trainer {
 public:
  /// All references must outlive the trainer. `validation` may be empty. `save_extras` adds files that
  /// belong beside the result (tokenizer, configuration) to every folder that holds one.
  Trainer(model::Decoder& decoder, Method& method, Objective& objective, const Examples& train,
          const Examples& validation, TrainerOptions options, RunLog& log,
          std::function<void(const std::filesystem::path&)> save_extras);
  ~Trainer();

  /// Times a few micro-batches, the largest among them, and one update that changes no weight; about `seconds` long,
  /// or as long as two micro-batches take. Moments of the optimiser are not what they were: run() must not follow.
  StepProbe probe(double seconds);
  /// Runs to the end (or from where a checkpoint left). Ctrl-C finishes the step, saves and throws
  /// Error(kInterrupted) that says how to go on; a loss that is not finite throws Error(kFailure).
  TrainSummary run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hone::tune
