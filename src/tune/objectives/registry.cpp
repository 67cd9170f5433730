#include "tune/objectives/registry.h"

namespace hone::tune {

#define OBJECTIVE(name) void register_objective_##name(Registry<ObjectiveKind>&);
#include "tune/objectives/objectives.def"
#undef OBJECTIVE

const Registry<ObjectiveKind>& objectives() {
  static const Registry<ObjectiveKind> all = [] {
    Registry<ObjectiveKind> registry("objective");
#define OBJECTIVE(name) register_objective_##name(registry);
#include "tune/objectives/objectives.def"
#undef OBJECTIVE
    return registry;
  }();
  return all;
}

void Figures::add(const Figures& more) {
  loss += more.loss;
  units += more.units;
  for (const auto& [name, sum] : more.others) others[name] += sum;
}

std::vector<std::pair<std::string, double>> Figures::means() const {
  const auto count = static_cast<double>(units > 0 ? units : 1);
  std::vector<std::pair<std::string, double>> all{{"loss", loss / count}};
  for (const auto& [name, sum] : others) all.emplace_back(name, sum / count);
  return all;
}

void Objective::prepare(const std::vector<const Examples*>&, const std::function<void(const std::string&)>&) {}

}  // namespace hone::tune
