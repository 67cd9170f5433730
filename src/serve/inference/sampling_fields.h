// What chat and plain completions have in common: sampling, stop rules, how many answers, streaming.
#pragma once
#include <string>
#include <vector>

#include "generate/engine.h"
#include "serve/fields.h"

namespace hone::serve {

struct AnswerSettings {
  generate::SamplingOptions sampling;
  std::vector<std::string> stop;
  std::optional<int64_t> max_tokens;
  int64_t n = 1;
  uint64_t seed = 0;  ///< the client's, or drawn here
  bool stream = false, include_usage = false;
  std::optional<int> logprobs;  ///< so many of the likeliest tokens beside each that was chosen
};

/// OpenAI's defaults: temperature 1, top_p 1. Throws ApiError. `max_tokens` under either of its names. `logprobs` is
/// read by who knows its form. Biases name tokens below `vocabulary`.
AnswerSettings read_answer_settings(const Fields& fields, int64_t vocabulary);

/// 400 for a text that cannot fit, before the time and memory that its tokens would take are spent.
void refuse_hopeless(size_t bytes, int64_t context_limit);
/// 400 for more answers of one request than may ever wait: trying again would not help.
void refuse_too_many(size_t answers, size_t max_waiting);

/// One engine request an answer.
std::vector<generate::Request> engine_requests(const AnswerSettings& settings, const std::vector<int32_t>& prompt,
                                               const std::vector<int32_t>& stop_ids, int64_t context_limit);

}  // namespace hone::serve
