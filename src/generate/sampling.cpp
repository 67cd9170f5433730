#include "generate/sampling.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace hone::generate {
namespace {

int32_t draw(std::span<const float> scores, float largest, double uniform) {
  double total = 0;
  for (const float score : scores) total += std::exp(static_cast<double>(score - largest));
  const double wanted = uniform * total;
  double sum = 0;
  size_t last = 0;  // with uniform just below 1, rounding may leave sum == wanted at the end
  for (size_t i = 0; i < scores.size(); ++i) {
    const double weight = std::exp(static_cast<double>(scores[i] - largest));
    if (weight == 0) continue;
    last = i;
    sum += weight;
    if (sum > wanted) break;
  }
  return static_cast<int32_t>(last);
}

}  // namespace

void fail_not_a_number() {
  fail_work("generation", "the model's logits are not numbers (NaN)",
            "the weights or the adapter are damaged or diverged in training; use an earlier checkpoint, or "
            "--compute-dtype float32");
}

Sampler::Sampler(const SamplingOptions& options) : greedy_(options.greedy()) {
  for (const auto& entry : processors().entries()) {
    if (auto processor = entry.make(options)) chain_.push_back(std::move(processor));
  }
}

void Sampler::process(std::span<float> scores, const TokenCounts& counts) const {
  for (const auto& processor : chain_) processor->apply(scores, counts);
}

int32_t Sampler::choose(std::span<float> scores, const TokenCounts& counts, RandomStream& random) const {
  if (std::any_of(scores.begin(), scores.end(), [](float score) { return std::isnan(score); })) fail_not_a_number();
  process(scores, counts);
  const auto best = std::max_element(scores.begin(), scores.end());
  if (best == scores.end() || !std::isfinite(*best)) {
    fail_work("generation", "no token is left to choose from", "loosen the sampling options");
  }
  if (greedy_) return static_cast<int32_t>(best - scores.begin());
  return draw(scores, *best, random.uniform());
}

}  // namespace hone::generate
