// How the sequences of an engine reach the model, so that what a sequence gets does not depend on the others: prompts
// go in chunk by chunk, each by itself; new tokens go in together, row by row (tensor/rows.h).
#pragma once
#include <span>
#include <vector>

#include "generate/sequence.h"

namespace hone::generate {

/// The next `count` tokens of the prompt.
void feed_prompt(model::Decoder& decoder, Sequence& sequence, size_t count);
/// Gives `to` what the model made of the same prompt in `from`.
void share_prompt(model::Decoder& decoder, const Sequence& from, Sequence& to);
/// The newest token of each sequence that has one; logits [sequences, V] fp32 of what follows. Sequences of one adapter
/// must lie together.
Tensor next_logits(model::Decoder& decoder, std::span<Sequence* const> sequences);

}  // namespace hone::generate
