// How likely the model itself found tokens: log-softmax of its logits as they came, before biases, penalties,
// temperature and constraints. So do vLLM by default ("raw_logprobs") and, since biases could be used to read out a
// model (Carlini et al. 2024, "Stealing Part of a Production Language Model"), OpenAI.
#pragma once
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace hone::generate {

struct TokenLogprob {
  int32_t token = 0;
  float logprob = 0;
  /// The likeliest tokens at this place, most likely first, of equals the lower id; `token` may be among them.
  std::vector<std::pair<int32_t, float>> top;
};

constexpr int kMostLogprobs = 20;

/// Of one row of logits [V] that are numbers. `count` of the likeliest, at most V.
TokenLogprob token_logprob(std::span<const float> logits, int32_t token, int count);

}  // namespace hone::generate
