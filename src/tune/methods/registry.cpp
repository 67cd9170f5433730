#include "tune/method.h"

namespace hone::tune {

#define METHOD(name) void register_method_##name(Registry<MethodKind>&);
#include "tune/methods/methods.def"
#undef METHOD

const Registry<MethodKind>& methods() {
  static const Registry<MethodKind> all = [] {
    Registry<MethodKind> registry("method");
#define METHOD(name) register_method_##name(registry);
#include "tune/methods/methods.def"
#undef METHOD
    return registry;
  }();
  return all;
}

}  // namespace hone::tune
