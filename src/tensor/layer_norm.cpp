#include "tensor/layer_norm.h"

#include <ATen/ops/native_layer_norm.h>
#include <ATen/ops/native_layer_norm_backward.h>

#include <tuple>

namespace hone::tensor {
namespace {

/// Weight or bias in the type that lets libtorch keep mean and rstd in fp32: on a processor those are rounded to
/// the parameters' type, on a GPU they never are, but there all types must be one.
Tensor parameter(const Tensor& tensor, const Tensor& x) {
  return tensor.detach().to(x.is_cpu() ? sum_type(x) : x.scalar_type());
}

}  // namespace

LayerNormed layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  auto [y, mean, rstd] = at::native_layer_norm(x, {x.size(-1)}, parameter(weight, x), parameter(bias, x), eps);
  return {y, mean, rstd};
}

LayerNormGradients layer_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& weight, const Tensor& bias,
                                       const LayerNormed& saved, Tensor& dx, bool want_parameters) {
  const auto gradients = [&](const Tensor& upstream, const Tensor& in, bool input, bool parameters) {
    return at::native_layer_norm_backward(upstream, in, {in.size(-1)}, saved.mean, saved.rstd, parameter(weight, in),
                                          parameter(bias, in), {input, parameters, parameters});
  };
  const at::ScalarType wide = sum_type(x);
  // In bf16 libtorch would also sum the parameters' gradients over the rows in bf16.
  const bool together = want_parameters && x.scalar_type() == wide;
  auto [through, dweight, dbias] = gradients(dy, x, true, together);
  dx.add_(through);
  if (want_parameters && !together) {
    std::tie(std::ignore, dweight, dbias) = gradients(dy.to(wide), x.to(wide), false, true);
  }
  return {dweight, dbias};
}

}  // namespace hone::tensor
