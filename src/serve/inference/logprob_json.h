// Log-probabilities in the forms of the two completion APIs.
#pragma once
#include <span>

#include "base/json.h"
#include "generate/logprobs.h"
#include "text/tokenizer.h"

namespace hone::serve {

/// {"content": [{"token", "logprob", "bytes", "top_logprobs"}], "refusal": null}
Json chat_logprobs(std::span<const generate::TokenLogprob> tokens, const text::Tokenizer& tokenizer);

/// {"tokens", "token_logprobs", "top_logprobs", "text_offset"}; `offset`: characters before the first of them.
Json completion_logprobs(std::span<const generate::TokenLogprob> tokens, const text::Tokenizer& tokenizer,
                         size_t offset);

}  // namespace hone::serve
