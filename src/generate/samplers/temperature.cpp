#include <cmath>

#include "generate/sampling.h"

namespace hone::generate {
namespace {

class Temperature final : public Processor {
 public:
  explicit Temperature(double temperature) : temperature_(static_cast<float>(temperature)) {}
  void apply(std::span<float> scores, const TokenCounts&) const override {
    for (float& score : scores) score /= temperature_;
  }

 private:
  float temperature_;
};

std::unique_ptr<Processor> make(const SamplingOptions& options) {
  // Below 1e-4 a logit of a few hundred divided by it no longer fits a float's useful range.
  const double value = options.temperature;
  if (value != 0 && !(value >= 1e-4 && value <= 100)) {
    fail_input("temperature", format("is %g, expected 0 or a number from 0.0001 to 100", value),
               "0 always takes the likeliest token");
  }
  if (value == 0 || value == 1) return nullptr;
  return std::make_unique<Temperature>(value);
}

}  // namespace

void register_temperature(Registry<ProcessorMaker>& registry) {
  registry.add({"temperature", "Divides the logits: below 1 is safer, above 1 is wilder, 0 is greedy", make});
}

}  // namespace hone::generate
