// Keskar et al. 2019, "CTRL", section 4.1, in the form of transformers: a token that prompt or answer
// holds has its score divided by the penalty when it is positive and multiplied when it is negative.
#include <cmath>

#include "generate/sampling.h"

namespace hone::generate {
namespace {

class RepetitionPenalty final : public Processor {
 public:
  explicit RepetitionPenalty(double penalty) : penalty_(static_cast<float>(penalty)) {}
  void apply(std::span<float> scores, const TokenCounts& counts) const override {
    for (const auto& [id, count] : counts.all()) {
      float& score = scores[static_cast<size_t>(id)];
      score = score < 0 ? score * penalty_ : score / penalty_;
    }
  }

 private:
  float penalty_;
};

std::unique_ptr<Processor> make(const SamplingOptions& options) {
  const double penalty = options.repetition_penalty;
  if (!(penalty > 0) || !std::isfinite(penalty)) {
    fail_input("repetition_penalty", format("is %g, expected a positive number", penalty), "1 is off, 1.1 is mild");
  }
  if (penalty == 1) return nullptr;
  return std::make_unique<RepetitionPenalty>(penalty);
}

}  // namespace

void register_repetition_penalty(Registry<ProcessorMaker>& registry) {
  registry.add({"repetition_penalty", "Makes tokens of the prompt and the answer so far less likely", make});
}

}  // namespace hone::generate
