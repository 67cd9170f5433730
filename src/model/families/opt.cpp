// OPT (Zhang et al. 2022): LayerNorm before or after the sublayers, learned positions that begin at row 2, a plain MLP;
// OPT-350M has token vectors smaller than its hidden states.
#include "model/families/registry.h"

namespace hone::model {
namespace {

DecoderConfig read(const Json& json, const std::string& place) {
  const ConfigReader reader(json, place);
  DecoderConfig config;
  config.family = "opt";
  config.vocab_size = reader.positive("vocab_size");
  config.hidden_size = reader.positive("hidden_size");
  config.embedding_size = reader.positive_or("word_embed_proj_dim", config.hidden_size);
  config.intermediate_size = reader.positive("ffn_dim");
  config.num_hidden_layers = reader.positive("num_hidden_layers");
  config.num_attention_heads = config.num_key_value_heads = reader.positive("num_attention_heads");
  config.head_dim = reader.even_share("num_attention_heads", config.hidden_size, config.num_attention_heads);
  config.max_position_embeddings = reader.positive_or("max_position_embeddings", 2048);
  config.norm = NormKind::kLayer;
  config.norm_eps = 1e-5;
  const bool before = reader.flag_or("do_layer_norm_before", true);
  config.norm_place = before ? NormPlace::kBefore : NormPlace::kAfter;
  config.has_final_norm = before && !reader.flag_or("_remove_final_layer_norm", false);
  config.tie_word_embeddings = reader.flag_or("tie_word_embeddings", true);
  config.positions = PositionKind::kLearned;
  config.position_offset = 2;
  config.qkv_bias = config.o_bias = config.mlp_bias = reader.flag_or("enable_bias", true);
  config.gated_mlp = false;
  config.activation = reader.activation("activation_function", "relu");
  config.initializer_range = reader.number_or("init_std", 0.02);
  if (!reader.flag_or("layer_norm_elementwise_affine", true)) {
    reader.fail("layer_norm_elementwise_affine", "is false; norms without weights are not supported");
  }
  return config;
}

}  // namespace

void register_opt(Registry<Family>& registry) {
  registry.add({"opt",
                "OPT",
                {{"OPTForCausalLM", "OPTModel"},
                 {"opt"},
                 read,
                 {.embedding = "model.decoder.embed_tokens",
                  .positions = "model.decoder.embed_positions",
                  .project_in = "model.decoder.project_in",
                  .layer_prefix = "model.decoder.layers.{}.",
                  .attention_norm = "self_attn_layer_norm",
                  .q = "self_attn.q_proj",
                  .k = "self_attn.k_proj",
                  .v = "self_attn.v_proj",
                  .o = "self_attn.out_proj",
                  .mlp_norm = "final_layer_norm",
                  .up = "fc1",
                  .down = "fc2",
                  .final_norm = "model.decoder.final_layer_norm",
                  .project_out = "model.decoder.project_out",
                  .head = "lm_head",
                  .base_prefix = "model."}}});
}

}  // namespace hone::model
