// Learning-rate schedules by the names of transformers' SchedulerType. One file and one line each.
#pragma once
#include <cstdint>

#include "base/registry.h"

namespace hone::tune {

struct ScheduleOptions {
  int64_t warmup_steps = 0;
  int64_t total_steps = 1;
  double min_lr_ratio = 0;  ///< floor as a share of learning_rate, where the schedule has one
};

/// The factor on learning_rate for optimiser step `step`, counted from 0 (as torch's LambdaLR does: with
/// warm-up the very first step has factor 0).
using Schedule = double (*)(int64_t step, const ScheduleOptions& options);

const Registry<Schedule>& schedules();

/// The warm-up ramp step / warmup_steps that all of them share; 1 after it.
inline double warmup(int64_t step, const ScheduleOptions& options) {
  return step < options.warmup_steps ? static_cast<double>(step) / static_cast<double>(options.warmup_steps) : 1.0;
}

/// (step - warmup) / (total - warmup), within [0, 1].
inline double progress_after_warmup(int64_t step, const ScheduleOptions& options) {
  const int64_t span = options.total_steps - options.warmup_steps;
  const double progress = static_cast<double>(step - options.warmup_steps) / static_cast<double>(span > 0 ? span : 1);
  return progress < 0 ? 0 : progress > 1 ? 1 : progress;
}

}  // namespace hone::tune
