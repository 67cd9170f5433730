// How likely a model finds whole answers: what preference objectives are made of.
#pragma once
#include <span>

#include "model/decoder.h"
#include "tune/dataset.h"

namespace hone::tune {

/// Σ log p over the trained tokens of each of `sequences`, [S] float64 on the CPU, differentiable in grad mode. The
/// sequences stand side by side without padding and do not see each other.
Tensor sequence_logps(model::Decoder& decoder, const Examples& examples, std::span<const uint32_t> sequences,
                      const model::StepContext& context);

}  // namespace hone::tune
