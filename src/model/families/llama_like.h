// What Llama and the families that followed it write into config.json alike.
#pragma once
#include "model/families/registry.h"

namespace hone::model {

/// Sizes, rotary positions, RMSNorm and a SwiGLU MLP by Llama's keys; biases are left to the family.
DecoderConfig read_llama_like(const ConfigReader& reader, const std::string& family);

/// The names of Llama's tensors.
TensorNames llama_names();

}  // namespace hone::model
