// Nguyen et al. 2024, "Turning Up the Heat": tokens below min_p times the likeliest one's probability go.
#include <algorithm>
#include <cmath>
#include <limits>

#include "generate/sampling.h"

namespace hone::generate {
namespace {

class MinP final : public Processor {
 public:
  explicit MinP(double min_p) : min_p_(min_p) {}
  void apply(std::span<float> scores, const TokenCounts&) const override {
    const float largest = *std::max_element(scores.begin(), scores.end());
    for (float& score : scores) {
      if (std::exp(static_cast<double>(score - largest)) < min_p_) score = -std::numeric_limits<float>::infinity();
    }
  }

 private:
  double min_p_;
};

std::unique_ptr<Processor> make(const SamplingOptions& options) {
  if (!(options.min_p >= 0 && options.min_p <= 1)) {
    fail_input("min_p", format("is %g, expected a number from 0 to 1", options.min_p), "0 is off");
  }
  if (options.min_p == 0 || options.greedy()) return nullptr;
  return std::make_unique<MinP>(options.min_p);
}

}  // namespace

void register_min_p(Registry<ProcessorMaker>& registry) {
  registry.add({"min_p", "Keeps tokens at least min_p times as likely as the likeliest", make});
}

}  // namespace hone::generate
