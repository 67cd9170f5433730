#include "model/linear.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>

namespace hone::model {

Linear::Linear(std::string name_, Tensor weight_, Tensor bias_, at::ScalarType compute_type, int64_t index)
    : name(std::move(name_)),
      weight(std::move(weight_)),
      bias(std::move(bias_)),
      compute_type_(compute_type),
      index_(index) {}

const Tensor& Linear::matrix() const {
  if (weight.scalar_type() == compute_type_) return weight;
  const uint32_t version = weight._version();
  if (!converted_.defined() || converted_version_ != version) {
    converted_ = weight.detach().to(compute_type_);
    converted_version_ = version;
  }
  return converted_;
}

Tensor Linear::dropped(const Tensor& x, const StepContext& context) const {
  if (!context.training || lora->dropout == 0) return x;
  return tensor::dropout(x, lora->dropout, {context.dropout_key, static_cast<uint64_t>(index_)});
}

Tensor Linear::forward(const Tensor& x, const StepContext& context, Saved* saved) const {
  const Tensor& w = matrix();
  Tensor y = bias.defined() ? at::addmm(bias.detach().to(compute_type_), x, w.detach().t()) : at::mm(x, w.detach().t());
  if (lora.has_value()) {
    const Tensor low = at::mm(dropped(x, context), lora->lora_A.detach().to(compute_type_).t());
    y.addmm_(low, lora->lora_B.detach().to(compute_type_).t(), 1, lora->scaling);
    if (saved != nullptr) saved->low = low;
  }
  return y;
}

void Linear::backward(const Tensor& dy, const Tensor& x, const Saved& saved, const StepContext& context, GradSink& sink,
                      Tensor* dx, bool accumulate) const {
  if (dx != nullptr) {
    if (!accumulate)
      *dx = at::mm(dy, matrix().detach());
    else
      dx->addmm_(dy, matrix().detach());
  }
  if (GradSink::wants(weight)) sink.add(weight, at::mm(dy.t(), x));
  if (GradSink::wants(bias)) sink.add(bias, dy.sum({0}, false, at::kFloat));
  if (!lora.has_value()) return;
  // dB = s dyᵀ low;  e = dy B;  dA = s eᵀ dropout(x);  dx += s dropout(e A)
  const Tensor e = at::mm(dy, lora->lora_B.detach().to(compute_type_));
  if (GradSink::wants(lora->lora_B))
    sink.add(lora->lora_B, at::mm(dy.t(), saved.low).to(at::kFloat).mul_(lora->scaling));
  if (GradSink::wants(lora->lora_A)) {
    sink.add(lora->lora_A, at::mm(e.t(), dropped(x, context)).to(at::kFloat).mul_(lora->scaling));
  }
  if (dx == nullptr) return;
  const Tensor a = lora->lora_A.detach().to(compute_type_);
  if (context.training && lora->dropout > 0) {
    dx->add_(dropped(at::mm(e, a), context), lora->scaling);
  } else {
    dx->addmm_(e, a, 1, lora->scaling);
  }
}

void Linear::collect_trainable(std::vector<Tensor>& into) const {
  for (const Tensor& tensor : {weight, bias}) {
    if (GradSink::wants(tensor)) into.push_back(tensor);
  }
  if (!lora.has_value()) return;
  for (const Tensor& tensor : {lora->lora_A, lora->lora_B}) {
    if (GradSink::wants(tensor)) into.push_back(tensor);
  }
}

}  // namespace hone::model
