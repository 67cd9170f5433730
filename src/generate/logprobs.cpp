#include "generate/logprobs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hone::generate {

TokenLogprob token_logprob(std::span<const float> logits, int32_t token, int count) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  const double normaliser = largest + std::log(sum);
  const auto logprob = [&](int32_t id) { return static_cast<float>(logits[static_cast<size_t>(id)] - normaliser); };
  TokenLogprob made{token, logprob(token), {}};
  if (count <= 0) return made;
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto end = ids.begin() + std::min<ptrdiff_t>(count, static_cast<ptrdiff_t>(ids.size()));
  std::partial_sort(ids.begin(), end, ids.end(), [&](int32_t a, int32_t b) {
    const float x = logits[static_cast<size_t>(a)], y = logits[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  });
  for (auto id = ids.begin(); id != end; ++id) made.top.emplace_back(*id, logprob(*id));
  return made;
}

}  // namespace hone::generate
