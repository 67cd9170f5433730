// Where a hand-written backward puts the gradients of trainable tensors.
#pragma once
#include <span>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace hone::model {

/// Holds one slot for each tensor it was made for; the order is the order of the constructor.
class GradSink {
 public:
  explicit GradSink(std::vector<Tensor> wanted) : wanted_(std::move(wanted)), gradients_(wanted_.size()) {}

  /// Adds `gradient` (of `tensor`'s shape, any float type) if `tensor` is one of the wanted ones.
  void add(const Tensor& tensor, const Tensor& gradient) {
    for (size_t i = 0; i < wanted_.size(); ++i) {
      if (!wanted_[i].is_same(tensor)) continue;
      const Tensor typed = gradient.to(tensor.scalar_type());
      if (gradients_[i].defined())
        gradients_[i].add_(typed);
      else
        gradients_[i] = typed;
      return;
    }
  }
  static bool wants(const Tensor& tensor) { return tensor.defined() && tensor.requires_grad(); }

  /// In the constructor's order; undefined where nothing was added.
  std::vector<Tensor> take() { return std::move(gradients_); }

 private:
  std::vector<Tensor> wanted_, gradients_;
};

}  // namespace hone::model
