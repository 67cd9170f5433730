// What full and partial tuning share: some of the base's own weights are trained in fp32, the result is a model folder.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "model/checkpoint.h"
#include "tune/method.h"

namespace hone::tune {

class BaseWeights : public Method {
 public:
  /// Puts fp32 leaves, from the values as stored, in the place of the parameters called so. Frozen ones stay.
  BaseWeights(model::Decoder& decoder, const MethodOptions& options, const std::vector<std::string>& names);

  NamedTensors trainable() const override;
  void save(const std::filesystem::path& folder) const override;
  /// All of the model, in fp32; where a part is trained, that part alone (trained.safetensors).
  void save_state(const std::filesystem::path& folder) const override;
  void restore(const std::filesystem::path& folder) override;

 private:
  void save_as(const std::filesystem::path& folder, std::optional<at::ScalarType> type) const;

  model::Decoder& decoder_;
  std::filesystem::path base_folder_;
  std::optional<at::ScalarType> save_type_;
  std::optional<model::Checkpoint> stored_;  ///< the base as it lies on disk
  bool whole_;                               ///< every weight is trained
};

}  // namespace hone::tune
