// Memory for time: a piece of the model that keeps its input alone and runs again in backward
// (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost").
#pragma once
#include <functional>
#include <vector>

#include "tensor/tensor.h"

namespace hone::model {

/// forward(x), differentiable to x and `parameters`, each of which must require a gradient. Backward calls `forward`
/// again with gradients on and lets autograd run through that call's own small graph, so `forward` may be any
/// composition of differentiable operators. It must give the same each time (random numbers by key, weights untouched
/// until backward), must depend on no other tensor that requires a gradient, and what it refers to must outlive
/// backward.
Tensor recomputed(const Tensor& x, const std::vector<Tensor>& parameters,
                  const std::function<Tensor(const Tensor& x)>& forward);

}  // namespace hone::model
