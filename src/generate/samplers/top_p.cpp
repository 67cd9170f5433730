// Nucleus sampling (Holtzman et al. 2020): the fewest likeliest tokens whose probability reaches p.
#include <algorithm>
#include <cmath>
#include <limits>

#include "generate/sampling.h"

namespace hone::generate {
namespace {

struct Candidate {
  float score;
  uint32_t id;
};

/// Of equal scores the lower id stays longer, as greedy decoding prefers it (torch.sort leaves this open).
bool likelier(const Candidate& a, const Candidate& b) {
  return a.score > b.score || (a.score == b.score && a.id < b.id);
}

class TopP final : public Processor {
 public:
  explicit TopP(double p) : p_(p) {}

  void apply(std::span<float> scores, const TokenCounts&) const override {
    std::vector<Candidate> candidates;
    float largest = -std::numeric_limits<float>::infinity();
    for (size_t i = 0; i < scores.size(); ++i) {
      if (std::isinf(scores[i])) continue;
      candidates.push_back({scores[i], static_cast<uint32_t>(i)});
      largest = std::max(largest, scores[i]);
    }
    double total = 0;
    for (const Candidate& c : candidates) total += std::exp(static_cast<double>(c.score - largest));
    for (size_t i = kept(candidates, largest, p_ * total); i < candidates.size(); ++i) {
      scores[candidates[i].id] = -std::numeric_limits<float>::infinity();
    }
  }

 private:
  /// How many stay; those come first. The nucleus is mostly small, so the list is sorted only as far as needed.
  static size_t kept(std::vector<Candidate>& candidates, float largest, double wanted) {
    double mass = 0;
    size_t sorted = 0, chunk = 64;
    while (sorted < candidates.size()) {
      const size_t end = std::min(candidates.size(), sorted + chunk);
      const auto at = [&](size_t i) { return candidates.begin() + static_cast<ptrdiff_t>(i); };
      std::partial_sort(at(sorted), at(end), candidates.end(), likelier);
      for (; sorted < end; ++sorted) {
        if (sorted > 0 && mass >= wanted) return sorted;
        mass += std::exp(static_cast<double>(candidates[sorted].score - largest));
      }
      chunk *= 4;
    }
    return sorted;
  }

  double p_;
};

std::unique_ptr<Processor> make(const SamplingOptions& options) {
  if (!(options.top_p >= 0 && options.top_p <= 1)) {
    fail_input("top_p", format("is %g, expected a number from 0 to 1", options.top_p), "1 is off");
  }
  if (options.top_p == 1 || options.greedy()) return nullptr;
  return std::make_unique<TopP>(options.top_p);
}

}  // namespace

void register_top_p(Registry<ProcessorMaker>& registry) {
  registry.add({"top_p", "Keeps the likeliest tokens that together reach probability p", make});
}

}  // namespace hone::generate
