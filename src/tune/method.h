// How a model is tuned: which tensors are trained, and what is saved of them.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/registry.h"
#include "exchange/peft.h"
#include "model/decoder.h"

namespace hone::tune {

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

/// Which weights of the base the method `partial` trains; the rest stays as it is.
struct PartialChoice {
  /// Layers, counted from 0; none set: all, where `modules` says which parts of them.
  std::optional<int64_t> train_first_layers, train_last_layers, freeze_first_layers;
  std::vector<std::string> modules;  ///< parts of module names, from a dot to a dot ("q_proj", "layers.3.mlp")
  std::string module_pattern;        ///< or a regular expression for a module's whole name
  bool embeddings = false, head = false, biases = false;
  std::string norms = "none";  ///< none, final (the one before the head), all
};

/// What a method is made from; each takes what it needs.
struct MethodOptions {
  exchange::LoraSettings lora;
  uint64_t seed = 42;
  std::filesystem::path base_folder;  ///< the model that is tuned
  std::filesystem::path adapter;      ///< adapter folder that lora goes on from; empty: a fresh one
  PartialChoice partial;
  /// Type of the weights in a model folder that is the result; none: each as in base_folder.
  std::optional<at::ScalarType> save_type = at::kFloat;
};

class Method {
 public:
  virtual ~Method() = default;
  /// Leaves that require gradients, by the names they are saved under.
  virtual NamedTensors trainable() const = 0;
  /// How many numbers the method adds to those of the base.
  virtual int64_t added_parameters() const { return 0; }
  /// Writes the result into an existing folder: an adapter folder, or a whole model folder.
  virtual void save(const std::filesystem::path& folder) const = 0;
  /// Writes what going on needs, to the bit: save() may round.
  virtual void save_state(const std::filesystem::path& folder) const { save(folder); }
  /// Takes the values back from a folder that save() or save_state() wrote.
  virtual void restore(const std::filesystem::path& folder) = 0;
};

/// Attaches the method to `decoder`, which must outlive it.
struct MethodKind {
  std::unique_ptr<Method> (*make)(model::Decoder& decoder, const MethodOptions& options);
  /// The base's own weights are trained: they must be loaded as stored, not rounded to the compute type.
  bool trains_base = false;
  /// None of the base's own matrices is trained: they may lie in few bits.
  bool takes_few_bits = false;
};
const Registry<MethodKind>& methods();

struct ParameterCounts {
  int64_t trainable = 0, total = 0;  ///< total: the base's and the method's own
};
/// As PEFT counts: `base` are those of the model before the method was attached.
ParameterCounts count_parameters(int64_t base, const Method& method);

}  // namespace hone::tune
