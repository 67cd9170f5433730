// The norm before or after a sublayer: RMSNorm or LayerNorm, as the configuration says.
#pragma once
#include <string>
#include <vector>

#include "model/config.h"
#include "model/grad_sink.h"
#include "tensor/tensor.h"

namespace hone::model {

class Norm {
 public:
  /// No norm: forward() gives x itself.
  Norm() = default;
  /// `weight` [D], and `bias` [D] for a LayerNorm. Frozen ones are held in the compute type, trained ones in fp32.
  Norm(std::string name, NormKind kind, double eps, Tensor weight, Tensor bias);

  /// What backward needs besides x.
  struct Saved {
    Tensor mean, rstd;
  };

  /// x [N, D] → [N, D].
  Tensor forward(const Tensor& x, Saved* saved) const;
  /// dx += the gradient of x; those of weight and bias go to `sink` if they are trained.
  void backward(const Tensor& dy, const Tensor& x, const Saved& saved, GradSink& sink, Tensor& dx) const;
  /// forward() from operators that autograd knows.
  Tensor forward_composed(const Tensor& x) const;

  /// Whether anything here requires a gradient.
  bool trains() const { return GradSink::wants(weight) || GradSink::wants(bias); }
  void collect_trainable(std::vector<Tensor>& into) const;

  std::string name;  ///< as in the checkpoint, without ".weight"
  Tensor weight, bias;

 private:
  NormKind kind_ = NormKind::kRms;
  double eps_ = 0;
};

}  // namespace hone::model
