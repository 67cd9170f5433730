// cosine that ends at min_lr_ratio of the learning rate
#include <cmath>
#include <numbers>

#include "tune/schedules/registry.h"

namespace hone::tune {

void register_schedule_cosine_with_min_lr(Registry<Schedule>& registry) {
  registry.add({"cosine_with_min_lr", "cosine that ends at min_lr_ratio of the learning rate",
                [](int64_t step, const ScheduleOptions& options) -> double {
                  if (step < options.warmup_steps) return warmup(step, options);
                  const double cosine = 0.5 * (1.0 + std::cos(std::numbers::pi * progress_after_warmup(step, options)));
                  return options.min_lr_ratio + (1.0 - options.min_lr_ratio) * cosine;
                }});
}

}  // namespace hone::tune
