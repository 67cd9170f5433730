#include "exchange/peft.h"

#include <ATen/ops/equal.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "exchange/lora_targets.h"
#include "model/checkpoint.h"

namespace hone::exchange {
namespace fs = std::filesystem;
namespace {

using model::Decoder;
using model::Linear;

constexpr const char* kPrefix = "base_model.model.";

/// Puts what a file holds in the place of base weights and of fresh updates, and remembers what it has used.
class Reader {
 public:
  Reader(Decoder& decoder, const fs::path& folder, bool trainable)
      : decoder_(decoder),
        config_(folder / "adapter_config.json"),
        weights_(adapter_weights(folder)),
        settings_(read_adapter_config(config_)),
        targets_(settings_, config_.string() + ": "),
        checkpoint_(model::Checkpoint::from_file(weights_)),
        trainable_(trainable) {}

  LoadedAdapter read() {
    if (decoder_.config().tie_word_embeddings && parts_tied_weights()) untie();
    for (Linear* linear : targets_.linears(decoder_)) read_update(*linear);
    for (const WholeTensor& whole : targets_.whole_tensors(decoder_)) {
      take(whole.parameter, whole.saved_name, trainable_);
    }
    // A head that stays tied is in the file a second time.
    if (decoder_.config().tie_word_embeddings) used_.insert(kPrefix + decoder_.head().name + ".weight");
    for (const std::string& name : checkpoint_.names()) {
      if (used_.count(name) == 0) read_other(name);
    }
    return {settings_, replaces_base_};
  }

 private:
  /// Head or embedding lie in the file, so that they are no longer one (PEFT keeps them one if asked to).
  bool parts_tied_weights() const {
    if (settings_.ensure_weight_tying) return false;
    const std::vector<std::string> names = checkpoint_.names();
    const std::string head = kPrefix + decoder_.head().name + ".",
                      embedding = kPrefix + decoder_.parameters().front().name;
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& name) { return starts_with(name, head) || name == embedding; });
  }

  void untie() {
    decoder_.untie();
    replaces_base_ = true;
  }

  Tensor tensor(const std::string& name, const Tensor& like, at::ScalarType type) {
    used_.insert(kPrefix + name);
    return checkpoint_.tensor(kPrefix + name, like.sizes().vec()).to(like.device(), type);
  }

  Tensor part(const std::string& name, const std::vector<int64_t>& shape, const c10::Device& device) {
    used_.insert(kPrefix + name);
    return checkpoint_.tensor(kPrefix + name, shape).to(device, at::kFloat).clone().set_requires_grad(trainable_);
  }

  void read_update(Linear& linear) {
    const int64_t r = targets_.rank(linear.name);
    const c10::Device device = linear.device();
    linear.lora = model::Lora{part(linear.name + ".lora_A.weight", {r, linear.in_features()}, device),
                              part(linear.name + ".lora_B.weight", {linear.out_features(), r}, device),
                              targets_.scaling(linear.name), settings_.lora_dropout};
  }

  /// A base weight becomes the file's: an fp32 leaf if it is trained, else in the type of the arithmetic.
  void take(const model::NamedTensor& parameter, const std::string& name, bool trained) {
    const at::ScalarType type = trained ? at::kFloat : decoder_.options().compute_type;
    decoder_.replace(parameter, tensor(name, *parameter.tensor, type).clone().set_requires_grad(trained));
    replaces_base_ = true;
  }

  /// What lies in the file without being named by its settings: base weights that PEFT saved along (of a targeted
  /// or resized embedding or head; with bias: all also of modules_to_save, once more and as they were).
  void read_other(const std::string& name) {
    if (name.find(".modules_to_save.") != std::string::npos || name.find(".original_module.") != std::string::npos)
      return;
    std::string base = starts_with(name, kPrefix) ? name.substr(std::string(kPrefix).size()) : name;
    const size_t layer = base.find(".base_layer.");
    if (layer != std::string::npos) base.erase(layer, std::string(".base_layer").size());
    for (const model::NamedTensor& parameter : decoder_.parameters()) {
      if (parameter.name != base || !starts_with(name, kPrefix)) continue;
      const Tensor before = *parameter.tensor;
      take(parameter, name.substr(std::string(kPrefix).size()), false);
      if (trainable_ && !at::equal(before.detach(), *parameter.tensor)) {
        fail_input(weights_.string(), "holds " + base + ", another one than the base model's, and does not train it",
                   "merge the adapter into its base and train on from that");
      }
      return;
    }
    fail_input(weights_.string(), "tensor " + name + " belongs to no module of this model that the adapter adapts",
               "use the base model that the adapter was trained on" +
                   (settings_.base_model_name_or_path.empty() ? "" : ": " + settings_.base_model_name_or_path));
  }

  Decoder& decoder_;
  fs::path config_, weights_;
  LoraSettings settings_;
  LoraTargets targets_;
  model::Checkpoint checkpoint_;
  bool trainable_;
  bool replaces_base_ = false;
  std::set<std::string> used_;
};

}  // namespace

std::vector<std::pair<std::string, Tensor>> lora_tensors(Decoder& decoder, const LoraSettings& settings) {
  std::vector<std::pair<std::string, Tensor>> all;
  for (Linear* linear : decoder.linears()) {
    if (!linear->lora) continue;
    all.emplace_back(kPrefix + linear->name + ".lora_A.weight", linear->lora->lora_A);
    all.emplace_back(kPrefix + linear->name + ".lora_B.weight", linear->lora->lora_B);
  }
  for (const WholeTensor& whole : LoraTargets(settings, "lora.").whole_tensors(decoder)) {
    all.emplace_back(kPrefix + whole.saved_name, *whole.parameter.tensor);
  }
  return all;
}

int64_t added_parameters(Decoder& decoder, const LoraSettings& settings) {
  int64_t added = 0;
  for (const Linear* linear : decoder.linears()) {
    if (linear->lora) added += linear->lora->lora_A.numel() + linear->lora->lora_B.numel();
  }
  for (const WholeTensor& whole : LoraTargets(settings, "lora.").whole_tensors(decoder)) {
    if (whole.is_copy) added += whole.parameter.tensor->numel();
  }
  return added;
}

void write_peft(Decoder& decoder, const LoraSettings& settings, const fs::path& folder) {
  std::vector<std::pair<std::string, Tensor>> tensors = lora_tensors(decoder, settings);
  // PEFT keeps a head tied to a trained embedding by writing it twice.
  if (decoder.config().tie_word_embeddings) {
    const std::string embedding = kPrefix + decoder.parameters().front().name;
    const auto trained =
        std::find_if(tensors.begin(), tensors.end(), [&](const auto& entry) { return entry.first == embedding; });
    if (trained != tensors.end()) tensors.emplace_back(kPrefix + decoder.head().name + ".weight", trained->second);
  }
  model::write_tensors(folder / "adapter_model.safetensors", tensors);

  LoraSettings written = settings;
  const std::vector<Linear*> linears = decoder.linears();
  written.fan_in_fan_out = std::any_of(linears.begin(), linears.end(), [](const Linear* linear) {
    return linear->lora && linear->layout() == model::WeightLayout::kInOut;
  });
  if (is_all_linear(settings) && !settings.layers_to_transform.empty()) {
    // PEFT takes numbers of layers beside a list alone.
    std::set<std::string> endings;
    for (const Linear* linear : linears) {
      if (linear->lora) endings.insert(split(linear->name, '.').back());
    }
    written.target_modules.assign(endings.begin(), endings.end());
  }
  write_adapter_config(written, folder / "adapter_config.json");
}

fs::path adapter_weights(const fs::path& folder) {
  require_exists(folder, "adapter folder");
  // The last is how transformers' save_pretrained names the index of an adapter's shards.
  for (const char* name :
       {"adapter_model.safetensors", "adapter_model.safetensors.index.json", "model.safetensors.index.json"}) {
    if (fs::exists(folder / name)) return folder / name;
  }
  fail_input(folder.string(), "has neither adapter_model.safetensors nor adapter_model.safetensors.index.json",
             "give the folder of an adapter that PEFT saved in the safetensors format");
}

LoadedAdapter read_peft(Decoder& decoder, const fs::path& folder, bool trainable) {
  return Reader(decoder, folder, trainable).read();
}

}  // namespace hone::exchange
