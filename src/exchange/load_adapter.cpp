// An adapter beside its base instead of attached to it.
#include <ATen/ops/equal.h>
#include <ATen/ops/isfinite.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "exchange/lora_targets.h"
#include "exchange/peft.h"
#include "model/checkpoint.h"

namespace hone::exchange {
namespace {

using model::Decoder;
using model::Linear;

const std::string kPrefix = "base_model.model.";

class SharedReader {
 public:
  SharedReader(Decoder& decoder, const std::filesystem::path& folder)
      : decoder_(decoder),
        folder_(folder.string()),
        weights_(adapter_weights(folder)),
        settings_(read_adapter_config(folder / "adapter_config.json")),
        targets_(settings_, (folder / "adapter_config.json").string() + ": "),
        checkpoint_(model::Checkpoint::from_file(weights_)) {}

  std::shared_ptr<const model::AdapterWeights> read() {
    if (!settings_.modules_to_save.empty()) refuse("modules_to_save: " + join(settings_.modules_to_save, ", "));
    auto adapter = std::make_shared<model::AdapterWeights>();
    adapter->updates.resize(decoder_.linears().size());
    for (Linear* linear : targets_.linears(decoder_)) {
      adapter->updates[static_cast<size_t>(linear->index())] = update(*linear);
    }
    for (const std::string& name : checkpoint_.names()) {
      if (used_.count(name) == 0) check_other(name);
    }
    return adapter;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    fail_input(folder_, "brings weights of its own for the base (" + what + "), which other adapters would get too",
               "merge it into its base (hone merge) and serve the result as a model");
  }

  Tensor part(const std::string& name, const std::vector<int64_t>& shape, const c10::Device& device) {
    used_.insert(kPrefix + name);
    const Tensor stored = checkpoint_.tensor(kPrefix + name, shape);
    Tensor made = stored.to(device, decoder_.options().compute_type, /*non_blocking=*/false, /*copy=*/true);
    if (at::isfinite(made).all().item<bool>()) return made;
    fail_input(weights_.string(), "tensor " + kPrefix + name + " holds a value that is not finite",
               "the adapter is broken; use an earlier checkpoint");
  }

  model::Lora update(const Linear& linear) {
    const int64_t r = targets_.rank(linear.name);
    const c10::Device device = linear.device();
    return {part(linear.name + ".lora_A.weight", {r, linear.in_features()}, device),
            part(linear.name + ".lora_B.weight", {linear.out_features(), r}, device), targets_.scaling(linear.name)};
  }

  /// PEFT writes weights of the base along where it cannot know that they are as they were. Those are left aside;
  /// others are of a bias that was trained, of an embedding that was resized, or of another model.
  void check_other(const std::string& name) {
    std::string base = starts_with(name, kPrefix) ? name.substr(kPrefix.size()) : name;
    if (const size_t layer = base.find(".base_layer."); layer != std::string::npos) {
      base.erase(layer, std::string(".base_layer").size());
    }
    const std::string head = decoder_.head().name + ".weight";
    for (const model::NamedTensor& parameter : decoder_.parameters()) {
      const bool tied_head = base == head && parameter.tensor == decoder_.parameters().front().tensor &&
                             decoder_.config().tie_word_embeddings;
      if ((parameter.name != base && !tied_head) || !starts_with(name, kPrefix)) continue;
      const Tensor held = parameter.tensor->detach(), stored = checkpoint_.tensor(name);
      if (stored.sizes() != held.sizes() || !at::equal(stored.to(held.device(), held.scalar_type()), held))
        refuse(base);
      return;
    }
    fail_input(weights_.string(), "tensor " + name + " belongs to no module of this model that the adapter adapts",
               "use the base model that the adapter was trained on" +
                   (settings_.base_model_name_or_path.empty() ? "" : ": " + settings_.base_model_name_or_path));
  }

  Decoder& decoder_;
  std::string folder_;
  std::filesystem::path weights_;
  LoraSettings settings_;
  LoraTargets targets_;
  model::Checkpoint checkpoint_;
  std::set<std::string> used_;
};

}  // namespace

std::shared_ptr<const model::AdapterWeights> load_adapter(Decoder& decoder, const std::filesystem::path& folder) {
  return SharedReader(decoder, folder).read();
}

}  // namespace hone::exchange
