// For a run that does not fit into memory: the nearest settings with which it does.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tune/memory_plan.h"

namespace hone::tune {

/// Settings that differ from what was asked for, as `hone train` takes them ("training.gradient_checkpointing=true"),
/// and the peak that they lead to.
struct Fit {
  std::vector<std::string> changes;
  int64_t peak = 0;
};

/// At most `most` sets of changes whose predicted peak is at most `budget` bytes, those that change least about the
/// result first: recomputing and smaller micro-batches (with more of them a step, so that a step sees as many) leave
/// it as it was; moments and weights in few bits, shorter examples and another method do not. None contains another.
std::vector<Fit> nearest_fits(const recipe::TrainConfig& config, const ObjectiveKind& objective, const RunData& data,
                              const c10::Device& device, int64_t program, int64_t budget, size_t most = 3);

}  // namespace hone::tune
