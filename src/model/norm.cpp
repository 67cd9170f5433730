#include "model/norm.h"

#include <tuple>

#include "model/composed_ops.h"
#include "tensor/layer_norm.h"
#include "tensor/ops.h"

namespace hone::model {

Norm::Norm(std::string name_, NormKind kind, double eps, Tensor weight_, Tensor bias_)
    : name(std::move(name_)), weight(std::move(weight_)), bias(std::move(bias_)), kind_(kind), eps_(eps) {}

Tensor Norm::forward(const Tensor& x, Saved* saved) const {
  if (!weight.defined()) return x;
  Saved made;
  Tensor y;
  if (kind_ == NormKind::kRms) {
    std::tie(y, made.rstd) = tensor::rms_norm(x, weight.detach().to(x.scalar_type()), eps_);
  } else {
    tensor::LayerNormed normed = tensor::layer_norm(x, weight, bias, eps_);
    y = normed.y, made = {normed.mean, normed.rstd};
  }
  if (saved != nullptr) *saved = made;
  return y;
}

void Norm::backward(const Tensor& dy, const Tensor& x, const Saved& saved, GradSink& sink, Tensor& dx) const {
  if (!weight.defined()) {
    dx.add_(dy);
    return;
  }
  if (kind_ == NormKind::kRms) {
    const bool want = GradSink::wants(weight);
    const Tensor dweight = tensor::rms_norm_backward(dy, x, weight.detach().to(x.scalar_type()), saved.rstd, dx, want);
    if (want) sink.add(weight, dweight);
    return;
  }
  const auto gradients =
      tensor::layer_norm_backward(dy, x, weight, bias, {.mean = saved.mean, .rstd = saved.rstd}, dx, trains());
  if (GradSink::wants(weight)) sink.add(weight, gradients.weight);
  if (GradSink::wants(bias)) sink.add(bias, gradients.bias);
}

Tensor Norm::forward_composed(const Tensor& x) const {
  if (!weight.defined()) return x;
  return kind_ == NormKind::kRms ? composed::rms_norm(x, weight, eps_) : composed::layer_norm(x, weight, bias, eps_);
}

void Norm::collect_trainable(std::vector<Tensor>& into) const {
  for (const Tensor& tensor : {weight, bias}) {
    if (GradSink::wants(tensor)) into.push_back(tensor);
  }
}

}  // namespace hone::model
