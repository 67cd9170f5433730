// A whole training run from its configuration: data, model, method, trainer, and the folder it leaves.
// Start here to train from a program; `hone train` is this and a terminal.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "recipe/train_config.h"
#include "tune/data_summary.h"
#include "tune/fit.h"
#include "tune/trainer.h"

namespace hone::tune {

/// What a run is going to do.
struct RunPlan {
  DataSummary data;
  int64_t total_steps = 0, steps_per_epoch = 0;
  ParameterCounts parameters;
  std::string compute_dtype, machine, method, objective;
  MemoryPlan memory;
  int64_t memory_limit = 0;        ///< bytes that this process may come to have; 0: not known
  std::vector<Fit> fits;           ///< where it does not fit: nearest settings that do
  std::optional<StepProbe> probe;  ///< where it was asked for
  bool fits_in_memory() const { return memory_limit == 0 || memory.peak <= memory_limit; }
  /// "trainable params: 1,234 || all params: 5,678 || trainable%: 21.7330", as PEFT prints it.
  std::string trainable_line() const;
  /// What is a matter of the run alone, for its run.json; and with what this machine makes of it.
  Json to_json() const;
  Json estimate_json() const;
};

struct RunOptions {
  std::string device = "cpu";
  int threads = 0;
  bool dry_run = false;  ///< plan only
  bool show_progress = true;
  bool check_memory = true;  ///< a run that does not fit throws Error instead of starting
  int64_t memory_limit = 0;  ///< bytes that the run may take; 0: what the machine has free
  double probe_seconds = 0;  ///< in a plan: how long steps are timed (Trainer::probe); 0: weights are not even read
  std::function<void(const RunPlan&)> on_plan;  ///< called before the first step
};

/// Runs to the end. The output folder holds config.yaml (resolved), run.json (fingerprints, plan, machine),
/// metrics.jsonl and the trackers' files, checkpoint-N, best/ and the result itself.
TrainSummary run_training(const recipe::TrainConfig& config, const RunOptions& options);

}  // namespace hone::tune
