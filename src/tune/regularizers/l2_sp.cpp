// L2-SP (Li et al. 2018, "Explicit Inductive Bias for Transfer Learning"): decay towards the starting point.
#include "tune/regularizers/regularizer.h"

namespace hone::tune {

void register_regularizer_l2_sp(Registry<RegularizerKind>& registry) {
  registry.add({"l2_sp",
                "distance from the starting weights, all alike (Li et al. 2018)",
                {[](model::Decoder&, const NamedTensors&, const Examples&) { return std::vector<Tensor>(); },
                 /*needs_data=*/false}});
}

}  // namespace hone::tune
