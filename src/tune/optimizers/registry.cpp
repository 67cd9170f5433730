#include <algorithm>

#include "base/error.h"
#include "tune/optimizers/optimizer.h"

namespace hone::tune {

#define OPTIMIZER(name) void register_optimizer_##name(Registry<OptimizerKind>&);
#include "tune/optimizers/optimizers.def"
#undef OPTIMIZER

const Registry<OptimizerKind>& optimizers() {
  static const Registry<OptimizerKind> all = [] {
    Registry<OptimizerKind> registry("optimiser");
#define OPTIMIZER(name) register_optimizer_##name(registry);
#include "tune/optimizers/optimizers.def"
#undef OPTIMIZER
    return registry;
  }();
  return all;
}

std::vector<TrainedTensor> trained_tensors(const NamedTensors& parameters, const model::Decoder& decoder) {
  const std::vector<Tensor> tables = decoder.embedding_tables();
  std::vector<TrainedTensor> tensors;
  for (const auto& parameter : parameters) {
    const Tensor& value = parameter.second;
    const bool embedding = std::any_of(tables.begin(), tables.end(), [&](const Tensor& t) { return t.is_same(value); });
    tensors.push_back({parameter.first, value, value.dim() > 1, embedding});
  }
  return tensors;
}

const Registry<OptimizerKind>::Entry& optimizer_named(const std::string& name, const std::string& place) {
  if (starts_with(name, "paged_")) {
    fail_input(place, "\"" + name + "\" pages its state between a GPU and the processor, and nothing is paged here",
               name.find("8bit") != std::string::npos ? "use adamw_8bit, a quarter of the state" : "use adamw");
  }
  return optimizers().at(name, place);
}

}  // namespace hone::tune
