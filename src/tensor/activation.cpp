#include "tensor/activation.h"

#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/silu_backward.h>
#include <ATen/ops/threshold_backward.h>

#include <map>

#include "base/error.h"
#include "base/strings.h"

namespace hone::tensor {

Activation activation_from_name(const std::string& name, const std::string& place) {
  // The names of transformers' ACT2FN that mean one of these.
  static const std::map<std::string, Activation> kNames = {{"silu", Activation::kSilu},
                                                           {"swish", Activation::kSilu},
                                                           {"gelu", Activation::kGelu},
                                                           {"gelu_python", Activation::kGelu},
                                                           {"gelu_new", Activation::kGeluTanh},
                                                           {"gelu_fast", Activation::kGeluTanh},
                                                           {"gelu_pytorch_tanh", Activation::kGeluTanh},
                                                           {"relu", Activation::kRelu}};
  if (const auto found = kNames.find(name); found != kNames.end()) return found->second;
  std::vector<std::string> known;
  for (const auto& [known_name, activation] : kNames) known.push_back(known_name);
  fail_input(place, "\"" + excerpt(name, 40) + "\" is no activation that is known here;" + did_you_mean(name, known) +
                        " known: " + join(known, ", "));
}

Tensor activate(const Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kSilu: return at::silu(x);
    case Activation::kGelu: return at::gelu(x, "none");
    case Activation::kGeluTanh: return at::gelu(x, "tanh");
    case Activation::kRelu: return at::relu(x);
  }
  return x;
}

Tensor activate_backward(const Tensor& dout, const Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kSilu: return at::silu_backward(dout, x);
    case Activation::kGelu: return at::gelu_backward(dout, x, "none");
    case Activation::kGeluTanh: return at::gelu_backward(dout, x, "tanh");
    case Activation::kRelu: return at::threshold_backward(dout, x, 0);
  }
  return dout;
}

}  // namespace hone::tensor
