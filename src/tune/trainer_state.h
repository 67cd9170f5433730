// What a checkpoint-N folder holds besides the method's own files: optimiser, position, bests.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "tune/method.h"
#include "tune/objectives/registry.h"
#include "tune/optimizers/optimizer.h"

namespace hone::tune {

/// Position and running figures. All random streams are named by (seed, step), so these numbers are the
/// whole of their state too.
struct TrainerState {
  int64_t step = 0;            ///< optimiser steps done
  int64_t epoch = 0;           ///< epoch of the next micro-batch
  int64_t micro_in_epoch = 0;  ///< micro-batches of that epoch already done
  int64_t tokens = 0;          ///< tokens read so far
  Figures whole;               ///< over the whole run, for the mean training loss
  Figures window;              ///< since the last logged line
  std::optional<double> best_metric, first_eval_loss, last_eval_loss;
  int64_t best_step = 0;
  int64_t evaluations_without_gain = 0;
  double seconds = 0;           ///< spent before this point, over all continuations
  std::string run_fingerprint;  ///< see TrainerOptions::run_fingerprint
};

/// kPassing: for going on alone; the next checkpoint of either kind takes its place.
enum class Keep { kLasting, kPassing };

/// Writes OUTPUT/checkpoint-<step> whole or not at all, then drops passing ones before it and the oldest lasting ones
/// beyond `limit` (0: keep all).
void save_checkpoint(const std::filesystem::path& output_dir, const TrainerState& state, const Method& method,
                     const Optimizer& optimizer, int64_t limit, Keep keep = Keep::kLasting);

/// Takes the folder's name away before its contents: others see it whole or not at all, also after a kill. Does nothing
/// where it is gone.
void remove_checkpoint(const std::filesystem::path& folder);

/// Restores method and optimiser from `folder`. A checkpoint of another run (fingerprint) or a broken
/// one throws Error saying what differs.
TrainerState load_checkpoint(const std::filesystem::path& folder, const std::string& run_fingerprint, Method& method,
                             Optimizer& optimizer);

/// The newest whole checkpoint-N in `output_dir`, or an empty path.
std::filesystem::path latest_checkpoint(const std::filesystem::path& output_dir);

}  // namespace hone::tune
