// The model as it is when training starts, kept while training changes it: the reference of preference objectives.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/decoder.h"

namespace hone::tune {

/// Holds copies of what is trained, no more: adapters that do nothing yet (lora_B is zero, as in a fresh one) are
/// switched off instead, and base weights are copied in the type of the arithmetic, in which they are used anyway.
class StartWeights {
 public:
  /// `decoder` must outlive it, and the method be attached.
  explicit StartWeights(model::Decoder& decoder);

  /// Calls `work` while the decoder has these weights, without gradients.
  void with(const std::function<void()>& work);
  /// Of the copies.
  int64_t bytes() const;
  /// Of every kept value: two starts on the same base with the same one are the same.
  std::string fingerprint() const;

 private:
  void swap();
  model::Decoder& decoder_;
  std::vector<std::optional<model::Lora>> adapters_;  // of decoder_.linears(), in their order
  std::vector<Tensor> tensors_;                       // of decoder_.parameters(); undefined where not trained
};

}  // namespace hone::tune
