// LayerNorm by libtorch's own kernels on every device.
#pragma once
#include "tensor/tensor.h"

namespace hone::tensor {

struct LayerNormed {
  Tensor y;           ///< [N, D] in the type of x
  Tensor mean, rstd;  ///< [N, 1] fp32 (float64 for float64)
};

/// y = (x − mean) · rstd · weight + bias with rstd = (var(x) + eps)^-1/2, var over D and not D − 1 (Ba et al. 2016).
/// x [N, D], weight and bias [D] in any float type.
LayerNormed layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps);

struct LayerNormGradients {
  Tensor weight, bias;  ///< [D]; undefined where they were not wanted
};

/// dx [N, D] += the gradient through layer_norm.
LayerNormGradients layer_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& weight, const Tensor& bias,
                                       const LayerNormed& saved, Tensor& dx, bool want_parameters);

}  // namespace hone::tensor
