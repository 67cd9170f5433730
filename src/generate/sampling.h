// From the logits of one position to the next token: a chain of processors, then the largest or a draw.
// The chain has the order and the arithmetic of transformers' LogitsProcessorList, so that the
// distribution that is drawn from is theirs. A processor is one file in samplers/ and one line in samplers.def.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/registry.h"
#include "generate/token_counts.h"

namespace hone::generate {

/// The defaults change nothing. Names are transformers' and OpenAI's.
struct SamplingOptions {
  double temperature = 0;         ///< 0: greedy, and top_k, top_p and min_p do nothing
  int64_t top_k = 0;              ///< 0: off; ties with the k-th are kept
  double top_p = 1;               ///< Holtzman et al. 2020; 1: off
  double min_p = 0;               ///< Nguyen et al. 2024; 0: off
  double repetition_penalty = 1;  ///< Keskar et al. 2019, over prompt and answer; 1: off
  double frequency_penalty = 0;   ///< OpenAI's: subtracted once for each time the answer holds the token
  double presence_penalty = 0;    ///< OpenAI's: subtracted once if the answer holds the token
  std::vector<std::pair<int32_t, double>> logit_bias = {};  ///< OpenAI's: added to a token's logit, -100 … 100

  bool greedy() const { return temperature == 0; }
};

/// Changes logits in place; a token that is ruled out gets -infinity.
class Processor {
 public:
  virtual ~Processor() = default;
  virtual void apply(std::span<float> scores, const TokenCounts& counts) const = 0;
};

/// Returns nullptr where the options leave it off; throws Error(kInput) naming the option whose value is
/// out of range.
using ProcessorMaker = std::unique_ptr<Processor> (*)(const SamplingOptions& options);

/// In the order in which they are applied.
const Registry<ProcessorMaker>& processors();

class Sampler {
 public:
  explicit Sampler(const SamplingOptions& options);

  /// Scores after the chain, in place.
  void process(std::span<float> scores, const TokenCounts& counts) const;
  /// The next token; `scores` [V] are overwritten. A draw takes exactly one uniform() from `random`, so
  /// token t of a sequence depends on its stream and t alone. On equal scores the greedy choice is the
  /// first. NaN, or no token left, throws Error(kFailure).
  int32_t choose(std::span<float> scores, const TokenCounts& counts, RandomStream& random) const;
  /// True when choose() is the largest logit as it came: callers may take it where the logits lie.
  bool plain_greedy() const { return greedy_ && chain_.empty(); }

 private:
  std::vector<std::unique_ptr<Processor>> chain_;
  bool greedy_;
};

/// Throws Error(kFailure) saying that the model gave logits that are not numbers.
[[noreturn]] void fail_not_a_number();

}  // namespace hone::generate
