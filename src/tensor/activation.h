// The functions between the two matrices of a plain MLP, by libtorch's own kernels on every device.
#pragma once
#include <string>

#include "tensor/tensor.h"

namespace hone::tensor {

/// kGelu: x Φ(x) (Hendrycks & Gimpel 2016); kGeluTanh: its approximation by tanh, which GPT-2 was trained with
/// ("gelu_new"); kSilu: x σ(x); kRelu: max(x, 0).
enum class Activation { kSilu, kGelu, kGeluTanh, kRelu };

/// By the name that config.json gives it; a name that is not known throws Error(kInput) at `place`.
Activation activation_from_name(const std::string& name, const std::string& place);

/// Elementwise, in the type of x. Differentiable.
Tensor activate(const Tensor& x, Activation activation);
/// The gradient of x from that of activate(x).
Tensor activate_backward(const Tensor& dout, const Tensor& x, Activation activation);

}  // namespace hone::tensor
