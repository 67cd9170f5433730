#include "model/recompute.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include "model/autograd_node.h"

namespace hone::model {

Tensor recomputed(const Tensor& x, const std::vector<Tensor>& parameters,
                  const std::function<Tensor(const Tensor& x)>& forward) {
  if (!needs_gradient(x, parameters)) return forward(x);
  const Tensor y = without_gradients([&] { return forward(x.detach()); });
  const bool want_input = x.requires_grad();
  const auto backward = [input = x.detach(), want_input, parameters, forward](const Tensor& dy) {
    const at::AutoGradMode enable(true);
    // A leaf of its own: the inner graph must end here, the outer one goes on with what is returned.
    const Tensor leaf = input.detach().set_requires_grad(want_input);
    std::vector<Tensor> wanted = parameters;
    if (want_input) wanted.push_back(leaf);
    // grad() hands the gradients over instead of adding them to .grad: the outer pass does that, once.
    std::vector<Tensor> gradients =
        torch::autograd::grad({forward(leaf)}, wanted, {dy}, /*retain_graph=*/false, /*create_graph=*/false,
                              /*allow_unused=*/true);
    Tensor dx;
    if (want_input) {
      dx = gradients.back();
      gradients.pop_back();
    }
    return std::pair(dx, gradients);
  };
  return attach_backward(y, x, parameters, backward);
}

}  // namespace hone::model
