// a linear warm-up, then linear to zero at the last step
#include "tune/schedules/registry.h"

namespace hone::tune {

void register_schedule_linear(Registry<Schedule>& registry) {
  registry.add({"linear", "a linear warm-up, then linear to zero at the last step",
                [](int64_t step, const ScheduleOptions& options) -> double {
                  return step < options.warmup_steps ? warmup(step, options)
                                                     : 1.0 - progress_after_warmup(step, options);
                }});
}

}  // namespace hone::tune
