// The generic decoder's settings, as read from a checkpoint's config.json by a family file.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "tensor/activation.h"
#include "tensor/attention.h"

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

enum class NormKind { kRms, kLayer };
/// Of a sublayer f: x + f(norm(x)), or norm(x + f(x)) as in the first transformers.
enum class NormPlace { kBefore, kAfter };
enum class PositionKind { kRotary, kLearned };

/// What the families differ in. The defaults are Llama's.
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
  NormKind norm = NormKind::kRms;
  double norm_eps = 1e-6;
  NormPlace norm_place = NormPlace::kBefore;
  bool has_final_norm = true;
  bool tie_word_embeddings = false;
  int64_t embedding_size = 0;  ///< of a token's vector, where matrices lead from it and back; 0: hidden_size
  PositionKind positions = PositionKind::kRotary;
  int64_t position_offset = 0;  ///< learned: the row of position 0
  bool fused_qkv = false;       ///< one matrix makes queries, keys and values
  tensor::AttentionMask attention_mask = tensor::AttentionMask::kCausal;
  bool scales_attention = true;  ///< by head_dim^-1/2
  bool scales_by_layer = false;  ///< also by 1 / (number of the layer, from 1)
  bool qkv_bias = false, o_bias = false, mlp_bias = false;
  tensor::Activation activation = tensor::Activation::kSilu;
  bool gated_mlp = true;            ///< down(activation(gate x) · up x), else down(activation(up x))
  bool transposed_weights = false;  ///< the matrices of blocks are stored [in, out], as transformers' Conv1D
  double initializer_range = 0.02;
  RopeConfig rope;
  std::string dtype;  ///< as the checkpoint says, "" when it does not
  std::vector<int32_t> eos_token_ids;

  /// Positions that a sequence can have at all; 0: more than the model was trained on, too.
  int64_t position_limit() const { return positions == PositionKind::kLearned ? max_position_embeddings : 0; }
};

/// What the tensors of a family are called, without ".weight"; `{}` stands for the layer's number. What a
/// configuration has no tensor for needs no name.
struct TensorNames {
  std::string embedding, positions = "", project_in = "";
  std::string layer_prefix, attention_norm, q = "", k = "", v = "", qkv = "", o, mlp_norm, gate = "", up, down;
  std::string final_norm, project_out = "", head;
  std::string base_prefix;  ///< what is missing before each name in a file of the model without its head
};

/// One model family: one file in families/ and one line in families.def.
struct Family {
  std::vector<std::string> architectures;  ///< values of config.json's "architectures", with a head and without
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
