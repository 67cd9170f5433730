// GPT-2 (Radford et al. 2019): LayerNorm, learned positions, one matrix for queries, keys and values, a plain MLP.
// transformers stores its matrices [in, out] (Conv1D).
#include "model/families/registry.h"

namespace hone::model {
namespace {

DecoderConfig read(const Json& json, const std::string& place) {
  const ConfigReader reader(json, place);
  DecoderConfig config;
  config.family = "gpt2";
  config.vocab_size = reader.positive("vocab_size");
  config.hidden_size = reader.positive("n_embd");
  config.intermediate_size = reader.positive_or("n_inner", 4 * config.hidden_size);
  config.num_hidden_layers = reader.positive("n_layer");
  config.num_attention_heads = config.num_key_value_heads = reader.positive("n_head");
  config.head_dim = reader.even_share("n_head", config.hidden_size, config.num_attention_heads);
  config.max_position_embeddings = reader.positive_or("n_positions", 1024);
  config.norm = NormKind::kLayer;
  config.norm_eps = reader.number_or("layer_norm_epsilon", 1e-5);
  config.tie_word_embeddings = reader.flag_or("tie_word_embeddings", true);
  config.positions = PositionKind::kLearned;
  config.fused_qkv = true;
  config.scales_attention = reader.flag_or("scale_attn_weights", true);
  config.scales_by_layer = reader.flag_or("scale_attn_by_inverse_layer_idx", false);
  config.qkv_bias = config.o_bias = config.mlp_bias = true;
  config.gated_mlp = false;
  config.activation = reader.activation("activation_function", "gelu_new");
  config.transposed_weights = true;
  config.initializer_range = reader.number_or("initializer_range", 0.02);
  if (reader.flag_or("add_cross_attention", false)) {
    reader.fail("add_cross_attention",
                "is true; this is a decoder of an encoder-decoder model, which is not supported");
  }
  return config;
}

}  // namespace

void register_gpt2(Registry<Family>& registry) {
  registry.add({"gpt2",
                "GPT-2, DistilGPT2 and others of that architecture",
                {{"GPT2LMHeadModel", "GPT2Model"},
                 {"gpt2"},
                 read,
                 {.embedding = "transformer.wte",
                  .positions = "transformer.wpe",
                  .layer_prefix = "transformer.h.{}.",
                  .attention_norm = "ln_1",
                  .qkv = "attn.c_attn",
                  .o = "attn.c_proj",
                  .mlp_norm = "ln_2",
                  .up = "mlp.c_fc",
                  .down = "mlp.c_proj",
                  .final_norm = "transformer.ln_f",
                  .head = "lm_head",
                  .base_prefix = "transformer."}}});
}

}  // namespace hone::model
