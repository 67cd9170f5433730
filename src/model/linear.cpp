#include "model/linear.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>

#include "model/adapter_weights.h"
#include "model/composed_ops.h"
#include "tensor/rows.h"

namespace hone::model {
namespace {

/// y += scaling · x Aᵀ Bᵀ; returns x Aᵀ. The factors are in the type of x.
Tensor add_update(Tensor& y, const Tensor& x, const Tensor& a, const Tensor& b, double scaling, bool row_by_row) {
  if (row_by_row) {
    Tensor low = tensor::row_product(x, a, Tensor());
    tensor::add_row_product(y, low, b, scaling);
    return low;
  }
  Tensor low = at::mm(x, a.t());
  y.addmm_(low, b.t(), 1, scaling);
  return low;
}

}  // namespace

Linear::Linear(std::string name_, Tensor weight_, Tensor bias_, at::ScalarType compute_type, int64_t index,
               WeightLayout layout)
    : name(std::move(name_)),
      weight(std::move(weight_)),
      bias(std::move(bias_)),
      compute_type_(compute_type),
      index_(index),
      layout_(layout) {}

Linear::Linear(std::string name_, std::shared_ptr<const tensor::Quantized> weight_, Tensor bias_,
               at::ScalarType compute_type, int64_t index, WeightLayout layout)
    : name(std::move(name_)),
      quantized(std::move(weight_)),
      bias(std::move(bias_)),
      compute_type_(compute_type),
      index_(index),
      layout_(layout) {}

Tensor Linear::dense() const {
  return quantized ? laid_out(tensor::dequantize(*quantized, at::kFloat)) : weight.detach().to(at::kFloat);
}

Tensor Linear::matrix() const {
  if (weight.scalar_type() == compute_type_) return laid_out(weight.detach());
  const uint32_t version = weight._version();
  if (!converted_.defined() || converted_version_ != version) {
    converted_ = weight.detach().to(compute_type_);
    converted_version_ = version;
  }
  return laid_out(converted_);
}

bool Linear::drops(const StepContext& context) const {
  return context.training && lora->dropout > 0;
}

tensor::DropoutKey Linear::dropout_key(const StepContext& context) const {
  return {context.dropout_key, static_cast<uint64_t>(index_)};
}

Tensor Linear::dropped(const Tensor& x, const StepContext& context) const {
  return drops(context) ? tensor::dropout(x, lora->dropout, dropout_key(context)) : x;
}

Tensor Linear::product(const Tensor& x, bool row_by_row) const {
  const Tensor b = bias.defined() ? bias.detach().to(compute_type_) : Tensor();
  if (row_by_row) return quantized ? tensor::row_product(x, *quantized, b) : tensor::row_product(x, matrix(), b);
  if (quantized) {
    Tensor y = tensor::matmul_transposed(x, *quantized);
    return b.defined() ? y.add_(b) : y;
  }
  const Tensor w = matrix().t();
  return b.defined() ? at::addmm(b, x, w) : at::mm(x, w);
}

void Linear::add_updates(Tensor& y, const Tensor& x, const StepContext& context) const {
  for (const AdapterRows& rows : context.adapters) {
    const Lora* update = rows.adapter->of(index_);
    if (update == nullptr) continue;
    const int64_t count = rows.end - rows.begin;
    Tensor part = y.narrow(0, rows.begin, count);
    add_update(part, x.narrow(0, rows.begin, count), update->lora_A, update->lora_B, update->scaling,
               context.row_by_row);
  }
}

Tensor Linear::forward(const Tensor& x, const StepContext& context, Saved* saved) const {
  Tensor y = product(x, context.row_by_row);
  if (lora.has_value()) {
    const Tensor low = add_update(y, dropped(x, context), lora->lora_A.detach().to(compute_type_),
                                  lora->lora_B.detach().to(compute_type_), lora->scaling, context.row_by_row);
    if (saved != nullptr) saved->low = low;
  }
  add_updates(y, x, context);
  return y;
}

void Linear::backward(const Tensor& dy, const Tensor& x, const Saved& saved, const StepContext& context, GradSink& sink,
                      Tensor* dx, bool accumulate) const {
  if (dx != nullptr && quantized) {
    tensor::matmul(dy, *quantized, *dx, accumulate);
  } else if (dx != nullptr) {
    if (!accumulate)
      *dx = at::mm(dy, matrix());
    else
      dx->addmm_(dy, matrix());
  }
  if (GradSink::wants(weight))
    sink.add(weight, layout_ == WeightLayout::kOutIn ? at::mm(dy.t(), x) : at::mm(x.t(), dy));
  if (GradSink::wants(bias)) sink.add(bias, dy.sum({0}, false, sum_type(dy)));
  if (!lora.has_value()) return;
  // dB = s dyᵀ low;  e = dy B;  dA = s eᵀ dropout(x);  dx += s dropout(e A)
  const Tensor e = at::mm(dy, lora->lora_B.detach().to(compute_type_));
  if (GradSink::wants(lora->lora_B))
    sink.add(lora->lora_B, at::mm(dy.t(), saved.low).to(sum_type(dy)).mul_(lora->scaling));
  if (GradSink::wants(lora->lora_A)) {
    sink.add(lora->lora_A, at::mm(e.t(), dropped(x, context)).to(sum_type(dy)).mul_(lora->scaling));
  }
  if (dx == nullptr) return;
  const Tensor a = lora->lora_A.detach().to(compute_type_);
  if (drops(context)) {
    dx->add_(dropped(at::mm(e, a), context), lora->scaling);
  } else {
    dx->addmm_(e, a, 1, lora->scaling);
  }
}

Tensor Linear::forward_composed(const Tensor& x, const StepContext& context) const {
  Tensor y;
  if (quantized) {
    y = composed::matmul_transposed(x, quantized);
  } else {
    y = at::matmul(x, (GradSink::wants(weight) ? laid_out(weight.to(compute_type_)) : matrix()).t());
  }
  if (bias.defined()) y = y + bias.to(compute_type_);
  if (!lora.has_value()) return y;
  const Tensor in = drops(context) ? composed::dropout(x, lora->dropout, dropout_key(context)) : x;
  const Tensor low = at::matmul(in, lora->lora_A.to(compute_type_).t());
  return y + lora->scaling * at::matmul(low, lora->lora_B.to(compute_type_).t());
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
