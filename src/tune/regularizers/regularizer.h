// A penalty that holds trained weights near where they began: lambda/2 · Σ w_i (θ_i − θ*_i)². What differs is w, how
// much each weight matters. One file here and one line in regularizers.def each; `regularization.type` names one.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/registry.h"
#include "tune/dataset.h"
#include "tune/optimizers/optimizer.h"

namespace hone::tune {

struct RegularizerOptions {
  std::string type = "none";
  double lambda = 0;
  const Examples* data = nullptr;  ///< of the task that is not to be forgotten, for those that need it
};

struct RegularizerKind {
  /// How much each weight matters, shaped as `parameters`; empty: all alike. Weights must be as they were at the start.
  std::vector<Tensor> (*importance)(model::Decoder& decoder, const NamedTensors& parameters, const Examples& data);
  bool needs_data = false;
};
const Registry<RegularizerKind>& regularizers();

class Regularizer {
 public:
  /// Keeps a copy of the weights, as they are now, as θ*.
  Regularizer(const NamedTensors& parameters, const RegularizerOptions& options);

  /// Finds the importance at the present weights. `file` receives it ("importance.NAME"), where there is any.
  void measure(model::Decoder& decoder, const std::filesystem::path& file);
  /// Or takes it from such a file.
  void read(const std::filesystem::path& file);

  /// Of what is kept for the penalty.
  int64_t bytes() const;
  /// Adds the penalty's gradient to those of the parameters; returns the penalty.
  double add_gradients() const;

 private:
  NamedTensors parameters_;
  RegularizerOptions options_;
  std::vector<Tensor> anchors_, importance_;
};

}  // namespace hone::tune
