#include "model/encoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/strings.h"
#include "model/block_weights.h"
#include "model/checkpoint.h"
#include "model/composed_block.h"
#include "model/families/registry.h"

namespace hone::model {
namespace fs = std::filesystem;
namespace {

const TensorNames& bert_names() {
  static const TensorNames names = {.embedding = "bert.embeddings.word_embeddings",
                                    .positions = "bert.embeddings.position_embeddings",
                                    .layer_prefix = "bert.encoder.layer.{}.",
                                    .attention_norm = "attention.output.LayerNorm",
                                    .q = "attention.self.query",
                                    .k = "attention.self.key",
                                    .v = "attention.self.value",
                                    .o = "attention.output.dense",
                                    .mlp_norm = "output.LayerNorm",
                                    .up = "intermediate.dense",
                                    .down = "output.dense",
                                    .base_prefix = "bert."};
  return names;
}

void read_pooling(const fs::path& file, EncoderConfig& config) {
  const Json json = read_json(file);
  const ConfigReader reader(json, file.string());
  bool found = false;
  for (const auto& [key, value] : json.items()) {
    if (!starts_with(key, "pooling_mode_") || value != true) continue;
    const bool mean = key == "pooling_mode_mean_tokens";
    if (found || !(mean || key == "pooling_mode_cls_token")) {
      reader.fail(key.c_str(), "is true; the mean or the first token alone can be taken");
    }
    config.pooling = mean ? Pooling::kMean : Pooling::kFirst;
    found = true;
  }
}

/// The steps after the encoder: each is a class of sentence-transformers with a folder of its own.
void read_modules(const fs::path& folder, EncoderConfig& config) {
  const fs::path file = folder / "modules.json";
  if (!fs::exists(file)) return;
  config.normalize = false;
  const Json modules = read_json(file);
  if (!modules.is_array()) fail_input(file.string(), "is not a list of modules");
  for (const Json& module : modules) {
    const ConfigReader reader(module, file.string());
    const std::string type = reader.text_or("type", "");
    if (ends_with(type, ".Transformer")) continue;
    if (ends_with(type, ".Normalize")) {
      config.normalize = true;
    } else if (ends_with(type, ".Pooling")) {
      read_pooling(folder / reader.text_or("path", "1_Pooling") / "config.json", config);
    } else {
      reader.fail("type",
                  "\"" + excerpt(type, 60) + "\" is a step that is not known; known: Transformer, Pooling, Normalize");
    }
  }
}

}  // namespace

EncoderConfig encoder_config_from_json(const Json& json, const std::string& place) {
  const ConfigReader reader(json, place);
  if (const std::string type = reader.text_or("model_type", "bert"); type != "bert") {
    reader.fail("model_type", "is \"" + excerpt(type, 40) + "\"; the one kind of encoder that is known is \"bert\"",
                "give the folder of a BERT model");
  }
  if (const std::string kind = reader.text_or("position_embedding_type", "absolute"); kind != "absolute") {
    reader.fail("position_embedding_type", "is \"" + excerpt(kind, 40) + "\"; only \"absolute\" is supported");
  }
  if (reader.flag_or("is_decoder", false)) reader.fail("is_decoder", "is true; this is no encoder");
  EncoderConfig config;
  DecoderConfig& blocks = config.blocks;
  blocks.family = "bert";
  blocks.vocab_size = reader.positive("vocab_size");
  blocks.hidden_size = reader.positive("hidden_size");
  blocks.intermediate_size = reader.positive("intermediate_size");
  blocks.num_hidden_layers = reader.positive("num_hidden_layers");
  blocks.num_attention_heads = blocks.num_key_value_heads = reader.positive("num_attention_heads");
  blocks.head_dim = reader.even_share("num_attention_heads", blocks.hidden_size, blocks.num_attention_heads);
  blocks.max_position_embeddings = reader.positive_or("max_position_embeddings", 512);
  blocks.norm = NormKind::kLayer;
  blocks.norm_eps = reader.number_or("layer_norm_eps", 1e-12);
  blocks.norm_place = NormPlace::kAfter;
  blocks.positions = PositionKind::kLearned;
  blocks.attention_mask = tensor::AttentionMask::kNone;
  blocks.qkv_bias = blocks.o_bias = blocks.mlp_bias = true;
  blocks.gated_mlp = false;
  blocks.activation = reader.activation("hidden_act", "gelu");
  config.type_vocab_size = reader.positive_or("type_vocab_size", 2);
  config.max_length = blocks.max_position_embeddings;
  return config;
}

EncoderConfig read_encoder_config(const fs::path& folder) {
  const fs::path file = folder / "config.json";
  EncoderConfig config = encoder_config_from_json(read_json(file), file.string());
  read_modules(folder, config);
  if (const fs::path settings = folder / "sentence_bert_config.json"; fs::exists(settings)) {
    const Json values = read_json(settings);
    const int64_t limit = ConfigReader(values, settings.string()).positive_or("max_seq_length", config.max_length);
    config.max_length = std::min(limit, config.max_length);
  }
  return config;
}

std::unique_ptr<Encoder> Encoder::load(const fs::path& folder, const DecoderOptions& options) {
  auto encoder = std::unique_ptr<Encoder>(new Encoder(read_encoder_config(folder), options));
  const DecoderConfig& config = encoder->config_.blocks;
  const TensorNames& names = bert_names();
  const Checkpoint checkpoint(folder, names.base_prefix);
  WeightSource source;
  source.quantized = [](const std::string&, int64_t, int64_t, WeightLayout) { return nullptr; };
  source.dense = [&](const std::string& name, const std::vector<int64_t>& shape) {
    const Tensor stored = checkpoint.tensor(name, shape);
    Tensor weight = stored.to(options.device, options.keep_stored_type ? stored.scalar_type() : options.compute_type);
    if (!weight.is_same(stored)) checkpoint.release(name);
    return weight;
  };
  const int64_t d = config.hidden_size;
  encoder->words_ = source(names.embedding + ".weight", {config.vocab_size, d});
  encoder->positions_ = source(names.positions + ".weight", {config.max_position_embeddings, d});
  encoder->types_ = source("bert.embeddings.token_type_embeddings.weight", {encoder->config_.type_vocab_size, d});
  encoder->norm_ = make_norm(config, "bert.embeddings.LayerNorm", source);
  int64_t index = 0;
  encoder->blocks_ = make_blocks(config, names, options.compute_type, source, index);
  return encoder;
}

Tensor Encoder::hidden(const PackedBatch& batch, const Tensor& token_types) {
  auto input = std::make_shared<BlockInput>();
  input->cu_seqlens = batch.cu_seqlens;
  for (size_t i = 0; i + 1 < batch.cu_seqlens.size(); ++i) {
    const int64_t length = batch.cu_seqlens[i + 1] - batch.cu_seqlens[i],
                  limit = config_.blocks.max_position_embeddings;
    if (length > limit) {
      fail_input("model", format("a text of %ld tokens passes the %ld positions that this model has", length, limit),
                 "shorten it");
    }
  }
  const Tensor kinds = token_types.defined() ? at::embedding(types_, token_types) : types_.narrow(0, 0, 1);
  const Tensor sum = at::embedding(words_, batch.ids) + kinds + at::embedding(positions_, batch.positions);
  Tensor x = norm_.forward_composed(sum.to(options_.compute_type));
  for (const auto& block : blocks_) {
    x = options_.composed_blocks ? composed_forward(*block, config_.blocks, x, input) : block->forward(x, input);
  }
  return x;
}

Tensor Encoder::embed(const PackedBatch& batch, const Tensor& token_types) {
  const Tensor states = hidden(batch, token_types).to(at::kFloat);
  std::vector<Tensor> vectors;
  for (size_t i = 0; i + 1 < batch.cu_seqlens.size(); ++i) {
    const Tensor own = states.narrow(0, batch.cu_seqlens[i], batch.cu_seqlens[i + 1] - batch.cu_seqlens[i]);
    Tensor vector = config_.pooling == Pooling::kMean ? own.mean(0) : own[0];
    // The floor is torch.nn.functional.normalize's.
    if (config_.normalize) vector = vector / vector.norm().clamp_min(1e-12);
    vectors.push_back(vector);
  }
  return at::stack(vectors);
}

}  // namespace hone::model
