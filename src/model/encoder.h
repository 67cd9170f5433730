// Bidirectional encoders (BERT, Devlin et al. 2019) that make vectors of texts, in the folders that
// sentence-transformers publishes. Start here: Encoder::load(folder, options), then embed().
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model/block.h"
#include "model/decoder.h"

namespace hone::model {

/// What becomes of the hidden states of a text: their mean, or that of its first token.
enum class Pooling { kMean, kFirst };

struct EncoderConfig {
  DecoderConfig blocks;  ///< sizes and settings in the words that encoders and decoders share
  int64_t type_vocab_size = 2;
  Pooling pooling = Pooling::kMean;
  bool normalize = true;   ///< vectors of length 1
  int64_t max_length = 0;  ///< tokens of one text, special ones included
};

/// Reads config.json and, where they are, the files of sentence-transformers: modules.json, 1_Pooling/config.json,
/// sentence_bert_config.json. Without those: the mean, normalised. What cannot be done throws Error naming file and
/// key.
EncoderConfig read_encoder_config(const std::filesystem::path& folder);

/// config.json alone.
EncoderConfig encoder_config_from_json(const Json& json, const std::string& place);

class Encoder {
 public:
  /// Maps the folder's safetensors files, as Decoder::load does; keep_stored_type and composed_blocks mean the same.
  static std::unique_ptr<Encoder> load(const std::filesystem::path& folder, const DecoderOptions& options);

  const EncoderConfig& config() const { return config_; }
  const DecoderOptions& options() const { return options_; }

  /// Last hidden states [N, D] in the compute type: every token sees all of its sequence. `token_types` [N] int64, or
  /// undefined for 0 everywhere. Differentiable.
  Tensor hidden(const PackedBatch& batch, const Tensor& token_types = {});
  /// [sequences, D] fp32: one vector for each sequence, pooled and normalised as the folder says.
  Tensor embed(const PackedBatch& batch, const Tensor& token_types = {});

 private:
  Encoder(EncoderConfig config, const DecoderOptions& options) : config_(std::move(config)), options_(options) {}

  EncoderConfig config_;
  DecoderOptions options_;
  Tensor words_, positions_, types_;
  Norm norm_;
  std::vector<std::unique_ptr<Block>> blocks_;
};

}  // namespace hone::model
