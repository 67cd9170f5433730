// OpenAI's logit_bias: a number added to the logits of chosen tokens; -100 and 100 ban a token or force it in practice.
#include <cmath>

#include "generate/sampling.h"

namespace hone::generate {
namespace {

class LogitBias final : public Processor {
 public:
  explicit LogitBias(const std::vector<std::pair<int32_t, double>>& biases) : biases_(biases) {}
  void apply(std::span<float> scores, const TokenCounts&) const override {
    for (const auto& [id, bias] : biases_) {
      if (static_cast<size_t>(id) < scores.size()) scores[static_cast<size_t>(id)] += static_cast<float>(bias);
    }
  }

 private:
  std::vector<std::pair<int32_t, double>> biases_;
};

std::unique_ptr<Processor> make(const SamplingOptions& options) {
  for (const auto& [id, bias] : options.logit_bias) {
    if (id < 0) fail_input("logit_bias", format("names token %d; ids begin at 0", id));
    if (!(bias >= -100 && bias <= 100)) {
      fail_input("logit_bias", format("is %g for token %d, expected a number from -100 to 100", bias, id));
    }
  }
  if (options.logit_bias.empty()) return nullptr;
  return std::make_unique<LogitBias>(options.logit_bias);
}

}  // namespace

void register_logit_bias(Registry<ProcessorMaker>& registry) {
  registry.add({"logit_bias", "Adds a number to the logits of chosen tokens", make});
}

}  // namespace hone::generate
