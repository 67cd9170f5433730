// Full fine-tuning: every weight is trained, in fp32; arithmetic runs on copies in the compute type.
#include <ATen/core/grad_mode.h>

#include "model/checkpoint.h"
#include "tune/method.h"

namespace hone::tune {
namespace {

class FullMethod : public Method {
 public:
  FullMethod(model::Decoder& decoder, const MethodOptions& options)
      : decoder_(decoder), base_folder_(options.base_folder) {
    // A copy is always made: weights may be a read-only view into the checkpoint's file.
    for (const auto& parameter : decoder_.parameters()) {
      decoder_.replace(
          parameter,
          parameter.tensor->detach().to(at::kFloat, /*non_blocking=*/false, /*copy=*/true).set_requires_grad(true));
    }
  }
  std::vector<std::pair<std::string, Tensor>> trainable() const override {
    std::vector<std::pair<std::string, Tensor>> all;
    for (const auto& parameter : decoder_.parameters()) all.emplace_back(parameter.name, *parameter.tensor);
    return all;
  }
  void save(const std::filesystem::path& folder) const override {
    model::save_model(decoder_, base_folder_, folder, at::kFloat);
  }
  void restore(const std::filesystem::path& folder) override {
    const at::NoGradGuard no_grad;
    const model::Checkpoint saved(folder);
    for (const auto& [name, tensor] : trainable()) Tensor(tensor).copy_(saved.tensor(name, tensor.sizes().vec()));
  }

 private:
  model::Decoder& decoder_;
  std::filesystem::path base_folder_;
};

}  // namespace

void register_method_full(Registry<MethodKind>& registry) {
  registry.add({"full",
                "every weight of the model",
                {[](model::Decoder& decoder, const MethodOptions& options) -> std::unique_ptr<Method> {
                   return std::make_unique<FullMethod>(decoder, options);
                 },
                 /*trains_base=*/true}});
}

}  // namespace hone::tune
