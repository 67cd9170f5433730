// Puts a hand-written backward into libtorch's autograd graph, so that blocks, heads and any
// objective written with plain operators combine freely.
#pragma once
#include <functional>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace hone::model {

/// From the gradient of the output: the gradient of the input (may be undefined) and those of the
/// parameters, in their order.
using Backward = std::function<std::pair<Tensor, std::vector<Tensor>>(const Tensor& gradient)>;

/// True when grad mode is on and `input` or any parameter requires a gradient.
bool needs_gradient(const Tensor& input, const std::vector<Tensor>& parameters);

/// Makes `output` (computed without gradients) depend on `input` and `parameters` through `backward`,
/// which runs at most once. Returns `output`.
Tensor attach_backward(Tensor output, const Tensor& input, const std::vector<Tensor>& parameters, Backward backward);

/// Calls `work` with grad mode off.
Tensor without_gradients(const std::function<Tensor()>& work);

}  // namespace hone::model
