#include "model/families/llama_like.h"

namespace hone::model {

DecoderConfig read_llama_like(const ConfigReader& reader, const std::string& family) {
  DecoderConfig config;
  config.family = family;
  config.vocab_size = reader.positive("vocab_size");
  config.hidden_size = reader.positive("hidden_size");
  config.intermediate_size = reader.positive("intermediate_size");
  config.num_hidden_layers = reader.positive("num_hidden_layers");
  config.num_attention_heads = reader.positive("num_attention_heads");
  config.num_key_value_heads = reader.positive_or("num_key_value_heads", config.num_attention_heads);
  config.head_dim = reader.positive_or("head_dim", config.hidden_size / config.num_attention_heads);
  config.max_position_embeddings = reader.positive_or("max_position_embeddings", 2048);
  config.norm_eps = reader.number_or("rms_norm_eps", 1e-6);
  config.tie_word_embeddings = reader.flag_or("tie_word_embeddings", false);
  config.initializer_range = reader.number_or("initializer_range", 0.02);
  config.rope = reader.rope();
  config.activation = reader.activation("hidden_act", "silu");
  return config;
}

TensorNames llama_names() {
  return {.embedding = "model.embed_tokens",
          .layer_prefix = "model.layers.{}.",
          .attention_norm = "input_layernorm",
          .q = "self_attn.q_proj",
          .k = "self_attn.k_proj",
          .v = "self_attn.v_proj",
          .o = "self_attn.o_proj",
          .mlp_norm = "post_attention_layernorm",
          .gate = "mlp.gate_proj",
          .up = "mlp.up_proj",
          .down = "mlp.down_proj",
          .final_norm = "model.norm",
          .head = "lm_head",
          .base_prefix = "model."};
}

}  // namespace hone::model
