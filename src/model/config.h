// The generic decoder's settings, as read from a checkpoint's config.json by a family file.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"

namespace hone::model {

/// Rotary embedding: how the inverse frequencies are made. `type`: default, linear (Chen et al. 2023),
/// dynamic (NTK-aware, grows with the sequence), yarn (Peng et al. 2023), llama3 (Llama 3.1).
struct RopeConfig {
  std::string type = "default";
  double theta = 10000;
  double factor = 1;
  int64_t original_max_position_embeddings = 0;
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3
  double beta_fast = 32, beta_slow = 1;              // yarn
  double attention_factor = 0;                       // yarn; 0: derived from factor
  double mscale = 0, mscale_all_dim = 0;             // yarn
  bool truncate = true;                              // yarn
};

struct DecoderConfig {
  std::string family;
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t num_attention_heads = 0;
  int64_t num_key_value_heads = 0;
  int64_t head_dim = 0;
  int64_t max_position_embeddings = 0;
  double rms_norm_eps = 1e-6;
  bool tie_word_embeddings = false;
  bool attention_bias = false;  ///< on q, k, v and o
  bool mlp_bias = false;
  double initializer_range = 0.02;
  RopeConfig rope;
  std::string dtype;  ///< as the checkpoint says, "" when it does not
  std::vector<int32_t> eos_token_ids;
};

/// What the tensors of a family are called; `{}` stands for the layer's number.
struct TensorNames {
  std::string embedding, layer_prefix, attention_norm, q, k, v, o, mlp_norm, gate, up, down, final_norm, head;
};

/// One model family: one file in families/ and one line in families.def.
struct Family {
  std::vector<std::string> architectures;  ///< values of config.json's "architectures"
  std::vector<std::string> model_types;    ///< values of "model_type"
  DecoderConfig (*read_config)(const Json& json, const std::string& place);
  TensorNames names;
};

/// Reads FOLDER/config.json (and generation_config.json for the stop tokens). An unknown family, a
/// missing or impossible value throws Error naming file and key.
DecoderConfig read_config(const std::filesystem::path& folder);
DecoderConfig config_from_json(const Json& json, const std::string& place);
const Family& family_named(const std::string& name);

}  // namespace hone::model
