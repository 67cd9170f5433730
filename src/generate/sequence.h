// One request of an engine while it waits and runs.
#pragma once
#include <list>
#include <string>
#include <vector>

#include "base/random.h"
#include "generate/engine.h"
#include "generate/token_counts.h"

namespace hone::generate {

struct Sequence {
  Sequence(uint64_t number, Request asked, const text::Tokenizer& tokenizer);

  /// The model has seen the whole prompt.
  bool prefilled() const { return fed == request.prompt.size(); }
  /// Nothing is wanted but the likeliest token.
  bool plain() const;
  /// Takes the token that its rules and draws choose from `logits` [V], which are overwritten.
  int32_t choose(std::span<float> logits);
  /// Adds a token to the answer and says what became of it. `full`: no further position is left.
  Event advance(int32_t token, bool full, const text::Tokenizer& tokenizer);

  uint64_t id;
  Request request;
  Sampler sampler;
  TokenCounts counts;
  RandomStream random;
  text::StreamDecoder decoder;
  StopMatcher matcher;
  model::KvCache cache;
  size_t fed = 0;        ///< tokens of the prompt that the model has seen
  Tensor prompt_hidden;  ///< [1, D], of the prompt's last token
  std::vector<TokenLogprob> prompt_logprobs;
  std::optional<TokenLogprob> logprob;  ///< of the newest token
  std::vector<int32_t> generated;

 private:
  void constrain(std::span<float> logits);
  bool is_stop(int32_t token) const;
  std::string answer(const text::Tokenizer& tokenizer) const;
};

}  // namespace hone::generate
