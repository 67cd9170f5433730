#include "tune/objectives/registry.h"

namespace hone::tune {

#define OBJECTIVE(name) void register_objective_##name(Registry<Objective>&);
#include "tune/objectives/objectives.def"
#undef OBJECTIVE

const Registry<Objective>& objectives() {
  static const Registry<Objective> all = [] {
    Registry<Objective> registry("objective");
#define OBJECTIVE(name) register_objective_##name(registry);
#include "tune/objectives/objectives.def"
#undef OBJECTIVE
    return registry;
  }();
  return all;
}

}  // namespace hone::tune
