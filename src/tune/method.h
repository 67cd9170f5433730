// How a model is tuned: which tensors are trained, and what is saved of them.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/registry.h"
#include "exchange/peft.h"
#include "model/decoder.h"

namespace hone::tune {

/// What a method is made from; each takes what it needs.
struct MethodOptions {
  exchange::LoraSettings lora;
  uint64_t seed = 42;
  std::filesystem::path base_folder;  ///< the model that is tuned
  std::filesystem::path adapter;      ///< adapter folder that lora goes on from; empty: a fresh one
};

class Method {
 public:
  virtual ~Method() = default;
  /// Leaves that require gradients, by the names they are saved under.
  virtual std::vector<std::pair<std::string, Tensor>> trainable() const = 0;
  /// How many numbers the method adds to those of the base.
  virtual int64_t added_parameters() const { return 0; }
  /// Writes the result into an existing folder: an adapter folder, or a whole model folder.
  virtual void save(const std::filesystem::path& folder) const = 0;
  /// Takes the values back from a folder that save() wrote.
  virtual void restore(const std::filesystem::path& folder) = 0;
};

/// Attaches the method to `decoder`, which must outlive it.
struct MethodKind {
  std::unique_ptr<Method> (*make)(model::Decoder& decoder, const MethodOptions& options);
  /// The base's own weights are trained: they must be loaded as stored, not rounded to the compute type.
  bool trains_base = false;
};
const Registry<MethodKind>& methods();

struct ParameterCounts {
  int64_t trainable = 0, total = 0;  ///< total: the base's and the method's own
};
/// As PEFT counts: `base` are those of the model before the method was attached.
ParameterCounts count_parameters(int64_t base, const Method& method);

}  // namespace hone::tune
