// The two penalties of OpenAI's API: score -= count · frequency_penalty + (count > 0) · presence_penalty,
// where count is how often the answer (not the prompt) holds the token.
#include <cmath>

#include "generate/sampling.h"

namespace hone::generate {
namespace {

class FrequencyPenalty final : public Processor {
 public:
  FrequencyPenalty(double frequency, double presence)
      : frequency_(static_cast<float>(frequency)), presence_(static_cast<float>(presence)) {}
  void apply(std::span<float> scores, const TokenCounts& counts) const override {
    for (const auto& [id, count] : counts.all()) {
      if (count.generated > 0) {
        scores[static_cast<size_t>(id)] -= static_cast<float>(count.generated) * frequency_ + presence_;
      }
    }
  }

 private:
  float frequency_, presence_;
};

void check(const char* name, double value) {
  if (!(value >= -2 && value <= 2))
    fail_input(name, format("is %g, expected a number from -2 to 2", value), "0 is off");
}

std::unique_ptr<Processor> make(const SamplingOptions& options) {
  check("frequency_penalty", options.frequency_penalty);
  check("presence_penalty", options.presence_penalty);
  if (options.frequency_penalty == 0 && options.presence_penalty == 0) return nullptr;
  return std::make_unique<FrequencyPenalty>(options.frequency_penalty, options.presence_penalty);
}

}  // namespace

void register_frequency_penalty(Registry<ProcessorMaker>& registry) {
  registry.add({"frequency_penalty", "Makes tokens of the answer so far less likely, with presence_penalty", make});
}

}  // namespace hone::generate
