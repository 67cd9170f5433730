// What turns gradients into new weights. One file here and one line in optimizers.def each; `training.optim` names one.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/registry.h"
#include "model/checkpoint.h"
#include "tune/method.h"

namespace hone::tune {

/// A tensor that is trained, and what an optimiser may want to know of it.
struct TrainedTensor {
  std::string name;  ///< the one it is saved under
  Tensor value;
  bool decayed = true;     ///< weight decay applies: transformers leaves out norms and biases
  bool embedding = false;  ///< a table of vectors, of tokens or of positions
};

/// What a method trains, seen so; `decoder` tells which of them are embeddings.
std::vector<TrainedTensor> trained_tensors(const NamedTensors& parameters, const model::Decoder& decoder);

struct OptimizerOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0;
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  /// Uses each tensor's .grad(); one without a gradient is left as it is. Gradients are finite: the trainer ends a
  /// run whose are not before this is called.
  virtual void step(double learning_rate) = 0;
  /// Bytes of what is kept between steps.
  virtual int64_t state_bytes() const = 0;
  /// For checkpoints, each under a name of its own; restore() takes them back so that the next step is the same to
  /// the bit.
  virtual NamedTensors state() const = 0;
  virtual void restore(const model::Checkpoint& saved) = 0;
};

struct OptimizerKind {
  std::unique_ptr<Optimizer> (*make)(const std::vector<TrainedTensor>& tensors, const OptimizerOptions& options);
};
const Registry<OptimizerKind>& optimizers();
/// The entry called `name`. Names of optimisers that other tools have and this one does not throw Error with the
/// nearest that there is.
const Registry<OptimizerKind>::Entry& optimizer_named(const std::string& name, const std::string& place);

/// Scales all gradients so that their joint 2-norm is at most `max_norm` (0: no clipping); returns the
/// norm before scaling. As torch.nn.utils.clip_grad_norm_: factor max_norm / (norm + 1e-6), at most 1.
double clip_gradients(const NamedTensors& parameters, double max_norm);

}  // namespace hone::tune
