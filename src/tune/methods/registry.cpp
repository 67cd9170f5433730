#include "tune/method.h"

namespace hone::tune {

#define METHOD(name) void register_method_##name(Registry<MethodMaker>&);
#include "tune/methods/methods.def"
#undef METHOD

const Registry<MethodMaker>& methods() {
  static const Registry<MethodMaker> all = [] {
    Registry<MethodMaker> registry("method");
#define METHOD(name) register_method_##name(registry);
#include "tune/methods/methods.def"
#undef METHOD
    return registry;
  }();
  return all;
}

}  // namespace hone::tune
