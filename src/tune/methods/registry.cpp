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

ParameterCounts count_parameters(int64_t base, const Method& method) {
  ParameterCounts counts{.total = base + method.added_parameters()};
  for (const auto& [name, tensor] : method.trainable()) counts.trainable += tensor.numel();
  return counts;
}

}  // namespace hone::tune
