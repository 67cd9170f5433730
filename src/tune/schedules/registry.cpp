#include "tune/schedules/registry.h"

namespace hone::tune {

#define SCHEDULE(name) void register_schedule_##name(Registry<Schedule>&);
#include "tune/schedules/schedules.def"
#undef SCHEDULE

const Registry<Schedule>& schedules() {
  static const Registry<Schedule> all = [] {
    Registry<Schedule> registry("lr_scheduler_type");
#define SCHEDULE(name) register_schedule_##name(registry);
#include "tune/schedules/schedules.def"
#undef SCHEDULE
    return registry;
  }();
  return all;
}

}  // namespace hone::tune
