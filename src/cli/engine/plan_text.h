// The plan of a run as a person reads it.
#pragma once
#include "recipe/train_config.h"
#include "tune/run.h"

namespace hone::cli {

/// How long steps are timed for a plan.
constexpr double kProbeSeconds = 20;

/// Data, model, method, machine.
void print_plan(const tune::RunPlan& plan, const recipe::TrainConfig& config);

enum class Costs {
  kLine,   ///< the peak alone
  kTable,  ///< memory by class, time, and what would fit if this does not
};
void print_costs(const tune::RunPlan& plan, Costs how);

}  // namespace hone::cli
