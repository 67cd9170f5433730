// The reference of preference objectives: log-probabilities of sequences under the model that training started from.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "tune/dataset.h"
#include "tune/start_weights.h"

namespace hone::tune {

struct PrecomputeOptions {
  std::filesystem::path folder;       ///< where the file of each set lies
  std::filesystem::path base_folder;  ///< the model, whose files are part of the key
  std::string loaded_as;              ///< what else decides the base's values: how they are brought to few bits
  int64_t sequences = 16;             ///< at a time
  bool show_progress = false;
  std::function<void(const std::string&)> note;
};

class Reference {
 public:
  /// Remembers `decoder`, which must outlive it, as it is now.
  explicit Reference(model::Decoder& decoder);

  /// As tune::sequence_logps without gradients and dropout, by the start weights.
  Tensor sequence_logps(const Examples& examples, std::span<const uint32_t> sequences);

  /// Computes the log-probabilities of every sequence of `sets` once, or reads them where a file has them. A file is
  /// named by what its values depend on: content of the base model's files, how they are loaded, the kept start
  /// weights, ids and masks (so tokenizer, template, cuts), type of the arithmetic, machine. One that is damaged is
  /// made anew. Afterwards sequence_logps looks values of these very sets up, and the start weights are let go.
  void precompute(const std::vector<const Examples*>& sets, const PrecomputeOptions& options);

  bool precomputed() const { return start_ == nullptr; }
  /// Of the start weights that are still kept.
  int64_t bytes() const { return start_ ? start_->bytes() : 0; }

 private:
  std::vector<double> compute(const Examples& examples, const PrecomputeOptions& options);

  model::Decoder& decoder_;
  std::unique_ptr<StartWeights> start_;
  std::unordered_map<const Examples*, std::vector<double>> values_;
};

}  // namespace hone::tune
