// What an answer may say next: rules that bind every token of an answer (a JSON schema, a grammar). The engine asks
// before the samplers' chain, so that top-k and top-p choose among what is allowed, and for greedy answers too.
#pragma once
#include <cstdint>
#include <span>

namespace hone::generate {

/// Of one answer alone, as it remembers how far that has come. Ids that stop the answer (StopRules::ids) are the
/// engine's business: they are ruled out while !may_end(), and are all that is left when finished().
class Constraint {
 public:
  virtual ~Constraint() = default;
  /// Sets the logits [V] of tokens that may not come next to -infinity and leaves the others as they are.
  virtual void mask(std::span<float> logits) = 0;
  /// The token that was chosen; never one that stops the answer.
  virtual void accept(int32_t token) = 0;
  /// The answer would be whole if it ended here.
  virtual bool may_end() const = 0;
  /// Nothing but a stop token may follow.
  virtual bool finished() const = 0;
};

}  // namespace hone::generate
