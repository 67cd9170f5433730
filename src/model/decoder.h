// The generic decoder: embedding, blocks, final norm, head. Families differ in settings and names alone.
// Start here: Decoder::load(folder, options), then hidden() + head_loss() to train, step() to generate.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "model/block_weights.h"
#include "model/quantization.h"
#include "model/rope.h"

namespace hone::model {

struct DecoderOptions {
  /// Type in which arithmetic is done; frozen weights are stored in it too.
  at::ScalarType compute_type = at::kFloat;
  c10::Device device = c10::Device(c10::kCPU);
  /// Weights keep the type they are stored in (they are going to be trained); else the compute type.
  bool keep_stored_type = false;
  /// hidden() goes through composed_block.h instead of the blocks' own backward: the same figures, slower and
  /// with more memory.
  bool composed_blocks = false;
  /// Dense weights of the blocks are brought to few bits while they are read, one at a time. A checkpoint that
  /// already lies in few bits stays as it is, whatever is asked for here.
  std::optional<Quantization> quantization = std::nullopt;
};

/// One weight of the base model by the name it has in the checkpoint.
struct NamedTensor {
  std::string name;
  Tensor* tensor;
};

class Decoder {
 public:
  /// Maps the folder's safetensors files; weights already in the compute type are used in place.
  /// A tensor that is missing or of the wrong shape throws Error naming both shapes. Files of the model without its
  /// head, whose names lack the beginning, are read too.
  static std::unique_ptr<Decoder> load(const std::filesystem::path& folder, const DecoderOptions& options);
  /// Fresh weights: normal(0, initializer_range) for matrices, ones for norms, zeros for biases.
  static std::unique_ptr<Decoder> random(const DecoderConfig& config, const DecoderOptions& options, uint64_t seed);
  /// Names and shapes alone: every tensor is without values (libtorch's meta device), so size does not matter.
  /// `options.device` has no effect.
  static std::unique_ptr<Decoder> outline(const DecoderConfig& config, DecoderOptions options = {});

  const DecoderConfig& config() const { return config_; }
  const DecoderOptions& options() const { return options_; }

  /// Hidden states before the final norm, [N, D]. Differentiable to every tensor that requires a gradient.
  Tensor hidden(const PackedBatch& batch, const StepContext& context);
  /// Final norm and head on some rows of hidden(): [M, D] → [M, V] in the compute type. No gradients.
  Tensor logits(const Tensor& hidden, const StepContext& context = {});

  /// Continues several sequences at once without gradients: `batch` holds the new tokens of sequence i
  /// in its part, caches[i] what came before (and receives them). Returns hidden() of the new tokens. `context` may
  /// name adapters of rows, and ask for rows that do not depend on each other.
  Tensor step(const PackedBatch& batch, std::span<KvCache* const> caches, const StepContext& context = {});
  /// An empty cache with room for `capacity` positions.
  KvCache make_cache(int64_t capacity) const;

  /// All base weights that are dense, as the checkpoint lays them out and in the order of the model, the embedding
  /// first; a tied head appears once.
  std::vector<NamedTensor> parameters();
  /// Puts another tensor in a parameter's place; a tied head follows the embedding.
  void replace(const NamedTensor& parameter, Tensor value);
  /// Makes a tied head a parameter of its own (with the embedding's values), which config() then says too.
  void untie() { config_.tie_word_embeddings = false; }
  /// Numbers of the model, those in few bits included.
  int64_t parameter_count();
  /// Every Linear, in the order of the model (the head last); adapters attach here.
  std::vector<Linear*> linears();
  /// What leads from hidden() to the logits: the norm (which may be none), a matrix to the size of the embedding where
  /// that differs, the head.
  const Norm& final_norm() const { return final_norm_; }
  const std::optional<Linear>& project_out() const { return project_out_; }
  const Linear& head() const { return head_; }
  const std::vector<std::unique_ptr<Block>>& blocks() const { return blocks_; }
  /// Tables that are looked up, not multiplied (an nn.Embedding each in transformers): of tokens, of positions where
  /// these are learned.
  std::vector<Tensor> embedding_tables() const;
  /// What of the vectors that enter the first block is trained: of tokens, of positions, the matrix behind them.
  std::vector<Tensor> trained_embeddings() const;
  /// What of the way from hidden() to the logits is trained.
  std::vector<Tensor> trained_ending() const;

 private:
  Decoder(DecoderConfig config, DecoderOptions options, const WeightSource& source);
  /// Vectors of the tokens, with those of their positions where these are learned; differentiable.
  Tensor embed(const PackedBatch& batch, const StepContext& context);
  /// `lengths`: positions of each sequence, its past included.
  std::shared_ptr<const BlockInput> block_input(const PackedBatch& batch, const StepContext& context,
                                                std::span<const int64_t> lengths);

  DecoderConfig config_;
  DecoderOptions options_;
  const Family& family_;
  Tensor embedding_, positions_;  ///< the second only where positions are learned
  std::optional<Linear> project_in_, project_out_;
  std::vector<std::unique_ptr<Block>> blocks_;
  Norm final_norm_;
  Linear head_;
  RopeTable rope_;
};

/// A batch from token ids of several sequences.
PackedBatch pack(const std::vector<std::span<const int32_t>>& sequences, const c10::Device& device);
/// The same, brought to even_rows() by further sequences that mean nothing, none longer than the longest.
PackedBatch pack_evenly(std::vector<std::span<const int32_t>> sequences, const c10::Device& device);

}  // namespace hone::model
