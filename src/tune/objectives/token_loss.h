// Next-token loss, which sft and causal_lm share: the mean of −log p over trained tokens.
#pragma once
#include "tune/objectives/registry.h"

namespace hone::tune {

std::unique_ptr<Objective> make_token_loss(const ObjectiveContext& context);

/// An objective that learns from one answer must not pass over the other in silence.
void refuse_pair(const data::Example& example, const std::string& objective);

}  // namespace hone::tune
