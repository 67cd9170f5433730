// The decoder block from ordinary differentiable operators, without a backward of its own: the way in for
// architectures that have none yet, and what the hand-written one of model/block.h is held to. It keeps every
// intermediate result that autograd wants, unless the step recomputes.
#pragma once
#include <memory>

#include "model/block.h"

namespace hone::model {

/// What block.forward(x, input) gives, over the same weights and adapters and with the same dropout.
/// `block` and `config` must outlive backward.
Tensor composed_forward(const Block& block, const DecoderConfig& config, const Tensor& x,
                        const std::shared_ptr<const BlockInput>& input);

}  // namespace hone::model
