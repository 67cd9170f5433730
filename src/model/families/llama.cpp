// Llama 2, 3, 3.x and every model published under the same architecture (Touvron et al. 2023;
// Grattafiori et al. 2024): RMSNorm, rotary positions, grouped-query attention, SwiGLU.
#include "model/families/registry.h"

namespace hone::model {
namespace {

DecoderConfig read(const Json& json, const std::string& place) {
  const ConfigReader reader(json, place);
  DecoderConfig config;
  config.family = "llama";
  config.vocab_size = reader.positive("vocab_size");
  config.hidden_size = reader.positive("hidden_size");
  config.intermediate_size = reader.positive("intermediate_size");
  config.num_hidden_layers = reader.positive("num_hidden_layers");
  config.num_attention_heads = reader.positive("num_attention_heads");
  config.num_key_value_heads = reader.positive_or("num_key_value_heads", config.num_attention_heads);
  config.head_dim = reader.positive_or("head_dim", config.hidden_size / config.num_attention_heads);
  config.max_position_embeddings = reader.positive_or("max_position_embeddings", 2048);
  config.rms_norm_eps = reader.number_or("rms_norm_eps", 1e-6);
  config.tie_word_embeddings = reader.flag_or("tie_word_embeddings", false);
  config.attention_bias = reader.flag_or("attention_bias", false);
  config.mlp_bias = reader.flag_or("mlp_bias", false);
  config.initializer_range = reader.number_or("initializer_range", 0.02);
  config.rope = reader.rope();
  const std::string activation = reader.text_or("hidden_act", "silu");
  if (activation != "silu")
    reader.fail("hidden_act", "is \"" + activation + "\"; this family is known with \"silu\" alone");
  return config;
}

}  // namespace

void register_llama(Registry<Family>& registry) {
  registry.add({"llama",
                "Llama 2, 3, 3.x, SmolLM, TinyLlama and others of that architecture",
                {{"LlamaForCausalLM"},
                 {"llama"},
                 read,
                 {"model.embed_tokens", "model.layers.{}.", "input_layernorm", "self_attn.q_proj", "self_attn.k_proj",
                  "self_attn.v_proj", "self_attn.o_proj", "post_attention_layernorm", "mlp.gate_proj", "mlp.up_proj",
                  "mlp.down_proj", "model.norm", "lm_head"}}});
}

}  // namespace hone::model
