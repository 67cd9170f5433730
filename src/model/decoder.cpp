#include "model/decoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "base/strings.h"
#include "model/block_weights.h"
#include "model/checkpoint.h"
#include "model/composed_block.h"

namespace hone::model {
namespace {

Tensor random_tensor(const std::string& name, const std::vector<int64_t>& shape, double deviation, uint64_t seed) {
  Tensor tensor = at::empty(shape, at::TensorOptions().dtype(at::kFloat));
  auto* values = tensor.mutable_data_ptr<float>();
  RandomStream random(seed, hash64(name));
  for (int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(deviation * random.normal());
  return tensor;
}

/// A Linear's weight in few bits as it is stored, or brought to them now; null where it is to be dense.
std::shared_ptr<const tensor::Quantized> quantized_weight(const Checkpoint& checkpoint, const std::string& module,
                                                          int64_t out, int64_t in, WeightLayout layout,
                                                          const std::optional<Quantization>& stored,
                                                          const DecoderOptions& options) {
  if (stored) {
    if (!stored->applies_to(module)) return nullptr;
    const auto read = read_quantized(checkpoint, module, out, in, *stored);
    return std::make_shared<const tensor::Quantized>(read.to(options.device));
  }
  if (!options.quantization || !options.quantization->applies_to(module)) return nullptr;
  const std::string name = module + ".weight";
  const bool turned = layout == WeightLayout::kInOut;
  const Tensor weight = checkpoint.tensor(name, {turned ? in : out, turned ? out : in});
  const auto made = tensor::quantize(turned ? weight.t().contiguous() : weight, options.quantization->options, name);
  checkpoint.release(name);
  return std::make_shared<const tensor::Quantized>(made.to(options.device));
}

constexpr uint64_t kNoiseStream = ~uint64_t{0};  // streams from 0 on belong to the Linears' dropout

}  // namespace

Decoder::Decoder(DecoderConfig config, DecoderOptions options, const WeightSource& source)
    : config_(std::move(config)), options_(std::move(options)), family_(family_named(config_.family)), rope_(config_) {
  const TensorNames& names = family_.names;
  if (config_.embedding_size == 0) config_.embedding_size = config_.hidden_size;
  const int64_t d = config_.hidden_size, e = config_.embedding_size;
  int64_t index = 0;
  const auto linear = [&](const std::string& name, int64_t out, int64_t in) {
    return make_linear(name, out, in, {.compute_type = options_.compute_type}, source, index);
  };
  embedding_ = source(names.embedding + ".weight", {config_.vocab_size, e});
  if (config_.positions == PositionKind::kLearned) {
    positions_ = source(names.positions + ".weight", {config_.max_position_embeddings + config_.position_offset, d});
  }
  if (e != d) project_in_ = linear(names.project_in, d, e);
  blocks_ = make_blocks(config_, names, options_.compute_type, source, index);
  if (config_.has_final_norm) final_norm_ = make_norm(config_, names.final_norm, source);
  if (e != d) project_out_ = linear(names.project_out, e, d);
  head_ = config_.tie_word_embeddings ? Linear(names.head, embedding_, Tensor(), options_.compute_type, index++)
                                      : linear(names.head, config_.vocab_size, e);
}

std::unique_ptr<Decoder> Decoder::load(const std::filesystem::path& folder, const DecoderOptions& options) {
  DecoderConfig config = read_config(folder);
  const Checkpoint checkpoint(folder, family_named(config.family).names.base_prefix);
  const std::optional<Quantization> few_bits = stored_quantization(folder);
  // Some publishers leave the tied head out and some write it twice; both are read as tied.
  WeightSource source;
  source.dense = [&](const std::string& name, const std::vector<int64_t>& shape) {
    const Tensor stored = checkpoint.tensor(name, shape);
    Tensor weight = stored.to(options.device, options.keep_stored_type ? stored.scalar_type() : options.compute_type);
    // The file of a converted weight would otherwise stay in memory beside it.
    if (!weight.is_same(stored)) checkpoint.release(name);
    return weight;
  };
  source.quantized = [&](const std::string& module, int64_t out, int64_t in, WeightLayout layout) {
    return quantized_weight(checkpoint, module, out, in, layout, few_bits, options);
  };
  return std::unique_ptr<Decoder>(new Decoder(std::move(config), options, source));
}

std::unique_ptr<Decoder> Decoder::random(const DecoderConfig& config, const DecoderOptions& options, uint64_t seed) {
  const auto weight = [&](const std::string& name, const std::vector<int64_t>& shape) {
    const at::TensorOptions fp32 = at::TensorOptions().dtype(at::kFloat);
    const Tensor made = name.ends_with(".bias") ? at::zeros(shape, fp32)
                        : shape.size() == 1     ? at::ones(shape, fp32)
                                                : random_tensor(name, shape, config.initializer_range, seed);
    return made.to(options.device, options.compute_type);
  };
  WeightSource source;
  source.dense = weight;
  source.quantized = [&](const std::string& module, int64_t out, int64_t in, WeightLayout) {
    const bool few = options.quantization && options.quantization->applies_to(module);
    return few ? std::make_shared<const tensor::Quantized>(
                     tensor::quantize(weight(module + ".weight", {out, in}), options.quantization->options, module))
               : nullptr;
  };
  return std::unique_ptr<Decoder>(new Decoder(config, options, source));
}

std::unique_ptr<Decoder> Decoder::outline(const DecoderConfig& config, DecoderOptions options) {
  options.device = c10::Device(c10::kMeta);
  WeightSource source;
  source.dense = [&](const std::string&, const std::vector<int64_t>& shape) {
    return at::empty(shape, at::TensorOptions().dtype(options.compute_type).device(options.device));
  };
  source.quantized = [&](const std::string& module, int64_t out, int64_t in, WeightLayout) {
    const bool few = options.quantization && options.quantization->applies_to(module);
    return few ? std::make_shared<const tensor::Quantized>(
                     tensor::quantized_outline(out, in, options.quantization->options))
               : nullptr;
  };
  return std::unique_ptr<Decoder>(new Decoder(config, options, source));
}

std::vector<Tensor> Decoder::embedding_tables() const {
  return positions_.defined() ? std::vector<Tensor>{embedding_, positions_} : std::vector<Tensor>{embedding_};
}

std::vector<Tensor> Decoder::trained_embeddings() const {
  std::vector<Tensor> trained;
  for (const Tensor& tensor : embedding_tables()) {
    if (GradSink::wants(tensor)) trained.push_back(tensor);
  }
  if (project_in_) project_in_->collect_trainable(trained);
  return trained;
}

std::vector<Tensor> Decoder::trained_ending() const {
  std::vector<Tensor> trained;
  head_.collect_trainable(trained);
  final_norm_.collect_trainable(trained);
  if (project_out_) project_out_->collect_trainable(trained);
  return trained;
}

std::shared_ptr<const BlockInput> Decoder::block_input(const PackedBatch& batch, const StepContext& context,
                                                       std::span<const int64_t> lengths) {
  auto input = std::make_shared<BlockInput>();
  const int64_t limit = config_.position_limit(),
                longest = lengths.empty() ? 0 : *std::max_element(lengths.begin(), lengths.end());
  if (limit > 0 && longest > limit) {
    fail_input("model", format("a sequence of %ld tokens passes the %ld positions that this model has", longest, limit),
               "shorten it: data.max_length in training, the prompt or max_new_tokens in generation");
  }
  if (config_.positions == PositionKind::kRotary) {
    const RopeRows rope = rope_.rows(batch.positions, batch.cu_seqlens, lengths);
    input->positions = rope.positions, input->cos = rope.cos, input->sin = rope.sin;
  }
  input->cu_seqlens = batch.cu_seqlens;
  input->context = context;
  return input;
}

Tensor Decoder::embed(const PackedBatch& batch, const StepContext& context) {
  Tensor x = at::embedding(embedding_, batch.ids).to(options_.compute_type);
  if (context.training && context.embedding_noise > 0) {
    std::vector<double> bounds;  // by the sequence's own length, which neither packing nor padding changes
    for (size_t i = 0; i + 1 < batch.cu_seqlens.size(); ++i) {
      const auto size = static_cast<double>((batch.cu_seqlens[i + 1] - batch.cu_seqlens[i]) * x.size(1));
      bounds.push_back(context.embedding_noise / std::sqrt(size));
    }
    x = x.add(tensor::uniform_noise(x, batch.cu_seqlens, bounds, {context.dropout_key, kNoiseStream}));
  }
  // Without gradients the plain way does the same and knows the adapters of rows.
  if (project_in_) {
    x = at::GradMode::is_enabled() ? project_in_->forward_composed(x, context)
                                   : project_in_->forward(x, context, nullptr);
  }
  if (!positions_.defined()) return x;
  const Tensor rows = config_.position_offset == 0 ? batch.positions : batch.positions + config_.position_offset;
  return x + at::embedding(positions_, rows).to(options_.compute_type);
}

Tensor Decoder::hidden(const PackedBatch& batch, const StepContext& context) {
  std::vector<int64_t> lengths;
  for (size_t i = 0; i + 1 < batch.cu_seqlens.size(); ++i) {
    lengths.push_back(batch.cu_seqlens[i + 1] - batch.cu_seqlens[i]);
  }
  const auto input = block_input(batch, context, lengths);
  Tensor x = embed(batch, context);
  for (const auto& block : blocks_) {
    x = options_.composed_blocks ? composed_forward(*block, config_, x, input) : block->forward(x, input);
  }
  return x;
}

Tensor Decoder::logits(const Tensor& hidden, const StepContext& context) {
  const at::NoGradGuard no_grad;
  const Tensor normed = final_norm_.forward(hidden, nullptr);
  return head_.forward(project_out_ ? project_out_->forward(normed, context, nullptr) : normed, context, nullptr);
}

Tensor Decoder::step(const PackedBatch& batch, std::span<KvCache* const> caches, const StepContext& context) {
  const at::NoGradGuard no_grad;
  std::vector<int64_t> lengths;
  for (size_t i = 0; i < caches.size(); ++i) {
    const int64_t length = caches[i]->length + batch.cu_seqlens[i + 1] - batch.cu_seqlens[i];
    if (length > caches[i]->keys.front().size(1)) {
      fail_work("generation",
                format("the cache holds %ld positions, %ld are needed", caches[i]->keys.front().size(1), length));
    }
    lengths.push_back(length);
  }
  const auto input = block_input(batch, context, lengths);
  Tensor x = embed(batch, context);
  for (const auto& block : blocks_) x = block->forward_cached(x, *input, caches);
  for (size_t i = 0; i < caches.size(); ++i) caches[i]->length += batch.cu_seqlens[i + 1] - batch.cu_seqlens[i];
  return x;
}

KvCache Decoder::make_cache(int64_t capacity) const {
  KvCache cache;
  const auto options = at::TensorOptions().dtype(options_.compute_type).device(options_.device);
  for (int64_t i = 0; i < config_.num_hidden_layers; ++i) {
    cache.keys.push_back(at::empty({config_.num_key_value_heads, capacity, config_.head_dim}, options));
    cache.values.push_back(at::empty({config_.num_key_value_heads, capacity, config_.head_dim}, options));
  }
  return cache;
}

std::vector<NamedTensor> Decoder::parameters() {
  const TensorNames& names = family_.names;
  std::vector<NamedTensor> all{{names.embedding + ".weight", &embedding_}};
  // Both a Linear and a Norm.
  const auto add = [&](auto& part) {
    if (part.weight.defined()) all.push_back({part.name + ".weight", &part.weight});
    if (part.bias.defined()) all.push_back({part.name + ".bias", &part.bias});
  };
  if (positions_.defined()) all.push_back({names.positions + ".weight", &positions_});
  if (project_in_) add(*project_in_);
  for (const auto& block : blocks_) {
    add(block->attention_norm);
    for (Linear Block::*linear : Block::linears(config_)) {
      add((*block).*linear);
      if (linear == &Block::o) add(block->mlp_norm);
    }
  }
  if (final_norm_.weight.defined()) add(final_norm_);
  if (project_out_) add(*project_out_);
  if (!config_.tie_word_embeddings) add(head_);
  return all;
}

void Decoder::replace(const NamedTensor& parameter, Tensor value) {
  *parameter.tensor = std::move(value);
  if (config_.tie_word_embeddings && parameter.tensor == &embedding_) head_.weight = embedding_;
}

int64_t Decoder::parameter_count() {
  int64_t count = 0;
  for (const NamedTensor& parameter : parameters()) count += parameter.tensor->numel();
  for (const Linear* linear : linears()) {
    if (linear->quantized) count += linear->in_features() * linear->out_features();
  }
  return count;
}

std::vector<Linear*> Decoder::linears() {
  std::vector<Linear*> all;
  if (project_in_) all.push_back(&*project_in_);
  for (const auto& block : blocks_) {
    for (Linear Block::*linear : Block::linears(config_)) all.push_back(&((*block).*linear));
  }
  if (project_out_) all.push_back(&*project_out_);
  all.push_back(&head_);
  return all;
}

PackedBatch pack(const std::vector<std::span<const int32_t>>& sequences, const c10::Device& device) {
  PackedBatch batch;
  batch.cu_seqlens.push_back(0);
  for (const auto& sequence : sequences)
    batch.cu_seqlens.push_back(batch.cu_seqlens.back() + static_cast<int64_t>(sequence.size()));
  const int64_t total = batch.cu_seqlens.back();
  batch.ids = at::empty({total}, at::TensorOptions().dtype(at::kLong));
  batch.positions = at::empty({total}, at::TensorOptions().dtype(at::kLong));
  auto *ids = batch.ids.mutable_data_ptr<int64_t>(), *positions = batch.positions.mutable_data_ptr<int64_t>();
  for (const auto& sequence : sequences) {
    for (size_t i = 0; i < sequence.size(); ++i) *ids++ = sequence[i], *positions++ = static_cast<int64_t>(i);
  }
  batch.ids = batch.ids.to(device);
  batch.positions = batch.positions.to(device);
  return batch;
}

PackedBatch pack_evenly(std::vector<std::span<const int32_t>> sequences, const c10::Device& device) {
  size_t rows = 0, longest = 1;
  for (const auto& sequence : sequences) rows += sequence.size(), longest = std::max(longest, sequence.size());
  const std::vector<int32_t> fill(static_cast<size_t>(even_rows(static_cast<int64_t>(rows))) - rows, 0);
  // A longer one might pass the positions of the model.
  for (size_t begin = 0; begin < fill.size(); begin += longest) {
    sequences.emplace_back(std::span(fill).subspan(begin, std::min(longest, fill.size() - begin)));
  }
  return pack(sequences, device);
}

}  // namespace hone::model
