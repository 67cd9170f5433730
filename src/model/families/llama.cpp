// Llama 2, 3, 3.x and every model published under the same architecture (Touvron et al. 2023;
// Grattafiori et al. 2024): RMSNorm, rotary positions, grouped-query attention, SwiGLU.
#include "model/families/llama_like.h"

namespace hone::model {
namespace {

DecoderConfig read(const Json& json, const std::string& place) {
  const ConfigReader reader(json, place);
  DecoderConfig config = read_llama_like(reader, "llama");
  config.qkv_bias = config.o_bias = reader.flag_or("attention_bias", false);
  config.mlp_bias = reader.flag_or("mlp_bias", false);
  return config;
}

}  // namespace

void register_llama(Registry<Family>& registry) {
  registry.add({"llama",
                "Llama 2, 3, 3.x, SmolLM, TinyLlama and others of that architecture",
                {{"LlamaForCausalLM", "LlamaModel"}, {"llama"}, read, llama_names()}});
}

}  // namespace hone::model
