#include <algorithm>
#include <functional>
#include <limits>

#include "generate/sampling.h"

namespace hone::generate {
namespace {

class TopK final : public Processor {
 public:
  explicit TopK(int64_t k) : k_(static_cast<size_t>(k)) {}
  void apply(std::span<float> scores, const TokenCounts&) const override {
    if (k_ >= scores.size()) return;
    std::vector<float> sorted(scores.begin(), scores.end());
    const auto kth = sorted.begin() + static_cast<ptrdiff_t>(k_ - 1);
    std::nth_element(sorted.begin(), kth, sorted.end(), std::greater<>());
    for (float& score : scores) {
      if (score < *kth) score = -std::numeric_limits<float>::infinity();
    }
  }

 private:
  size_t k_;
};

std::unique_ptr<Processor> make(const SamplingOptions& options) {
  if (options.top_k < 0) fail_input("top_k", format("is %ld, expected 0 or more", options.top_k), "0 is off");
  if (options.top_k == 0 || options.greedy()) return nullptr;
  return std::make_unique<TopK>(options.top_k);
}

}  // namespace

void register_top_k(Registry<ProcessorMaker>& registry) {
  registry.add({"top_k", "Keeps the k likeliest tokens", make});
}

}  // namespace hone::generate
