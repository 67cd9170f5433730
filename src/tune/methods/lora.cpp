// LoRA (Hu et al. 2021): the base stays frozen, low-rank updates of chosen Linears are trained.
#include <ATen/core/grad_mode.h>

#include "model/checkpoint.h"
#include "tune/method.h"

namespace hone::tune {
namespace {

class LoraMethod : public Method {
 public:
  LoraMethod(model::Decoder& decoder, const MethodOptions& options) : decoder_(decoder), settings_(options.lora) {
    if (options.adapter.empty()) {
      exchange::attach_lora(decoder_, settings_, options.seed, options.base_folder);
      return;
    }
    settings_ = exchange::read_peft(decoder_, options.adapter, /*trainable=*/true).settings;
    settings_.base_model_name_or_path = options.lora.base_model_name_or_path;
  }
  std::vector<std::pair<std::string, Tensor>> trainable() const override {
    return exchange::lora_tensors(decoder_, settings_);
  }
  int64_t added_parameters() const override { return exchange::added_parameters(decoder_, settings_); }
  void save(const std::filesystem::path& folder) const override { exchange::write_peft(decoder_, settings_, folder); }
  void restore(const std::filesystem::path& folder) override {
    const at::NoGradGuard no_grad;
    const auto saved = model::Checkpoint::from_file(folder / "adapter_model.safetensors");
    for (const auto& [name, tensor] : trainable()) Tensor(tensor).copy_(saved.tensor(name, tensor.sizes().vec()));
  }

 private:
  model::Decoder& decoder_;
  exchange::LoraSettings settings_;
};

}  // namespace

void register_method_lora(Registry<MethodKind>& registry) {
  registry.add({"lora",
                "low-rank adapters on chosen linear layers, base frozen (Hu et al. 2021)",
                {[](model::Decoder& decoder, const MethodOptions& options) -> std::unique_ptr<Method> {
                   return std::make_unique<LoraMethod>(decoder, options);
                 },
                 /*trains_base=*/false,
                 /*takes_few_bits=*/true}});
}

}  // namespace hone::tune
