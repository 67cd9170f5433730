// Full fine-tuning: every weight is trained, in fp32; arithmetic runs on copies in the compute type.
#include "tune/methods/base_weights.h"

namespace hone::tune {

void register_method_full(Registry<MethodKind>& registry) {
  registry.add({"full",
                "every weight of the model",
                {[](model::Decoder& decoder, const MethodOptions& options) -> std::unique_ptr<Method> {
                   std::vector<std::string> names;
                   for (const auto& parameter : decoder.parameters()) names.push_back(parameter.name);
                   return std::make_unique<BaseWeights>(decoder, options, names);
                 },
                 /*trains_base=*/true}});
}

}  // namespace hone::tune
