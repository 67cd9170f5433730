// a linear warm-up, then half a cosine to zero (Loshchilov and Hutter 2017, one cycle)
#include <cmath>
#include <numbers>

#include "tune/schedules/registry.h"

namespace hone::tune {

void register_schedule_cosine(Registry<Schedule>& registry) {
  registry.add({"cosine", "a linear warm-up, then half a cosine to zero (Loshchilov and Hutter 2017, one cycle)",
                [](int64_t step, const ScheduleOptions& options) -> double {
                  if (step < options.warmup_steps) return warmup(step, options);
                  return 0.5 * (1.0 + std::cos(std::numbers::pi * progress_after_warmup(step, options)));
                }});
}

}  // namespace hone::tune
