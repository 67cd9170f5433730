// A whole training run from its configuration: data, model, method, trainer, and the folder it leaves.
// Start here to train from a program; `hone train` is this and a terminal.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "recipe/train_config.h"
#include "tune/data_summary.h"
#include "tune/trainer.h"

namespace hone::tune {

/// What a run is going to do.
struct RunPlan {
  DataSummary data;
  int64_t total_steps = 0, steps_per_epoch = 0;
  ParameterCounts parameters;
  std::string compute_dtype, machine, method, objective;
  /// "trainable params: 1,234 || all params: 5,678 || trainable%: 21.7330", as PEFT prints it.
  std::string trainable_line() const;
  Json to_json() const;
};

struct RunOptions {
  std::string device = "cpu";
  int threads = 0;
  bool dry_run = false;  ///< plan only
  bool show_progress = true;
  std::function<void(const RunPlan&)> on_plan;  ///< called before the first step
};

/// Runs to the end. The output folder holds config.yaml (resolved), run.json (fingerprints, plan, machine),
/// metrics.jsonl and the trackers' files, checkpoint-N, best/ and the result itself.
TrainSummary run_training(const recipe::TrainConfig& config, const RunOptions& options);

}  // namespace hone::tune
