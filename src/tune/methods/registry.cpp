#include <set>

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

ParameterCounts count_parameters(model::Decoder& decoder, const Method& method) {
  ParameterCounts counts;
  std::set<const void*> seen;
  const auto count = [&](const Tensor& tensor) {
    if (seen.insert(tensor.unsafeGetTensorImpl()).second) counts.total += tensor.numel();
  };
  for (const auto& parameter : decoder.parameters()) count(*parameter.tensor);
  for (const auto& [name, tensor] : method.trainable()) {
    counts.trainable += tensor.numel();
    count(tensor);
  }
  return counts;
}

}  // namespace hone::tune
