// the learning rate as it is, from the first step
#include "tune/schedules/registry.h"

namespace hone::tune {

void register_schedule_constant(Registry<Schedule>& registry) {
  registry.add({"constant", "the learning rate as it is, from the first step",
                [](int64_t step, const ScheduleOptions& options) -> double {
                  (void)step, (void)options;
                  return 1.0;
                }});
}

}  // namespace hone::tune
