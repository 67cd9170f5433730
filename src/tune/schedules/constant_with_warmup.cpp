// a linear warm-up, then constant
#include "tune/schedules/registry.h"

namespace hone::tune {

void register_schedule_constant_with_warmup(Registry<Schedule>& registry) {
  registry.add({"constant_with_warmup", "a linear warm-up, then constant",
                [](int64_t step, const ScheduleOptions& options) -> double { return warmup(step, options); }});
}

}  // namespace hone::tune
