#include "model/decoder.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "base/strings.h"
#include "model/checkpoint.h"
#include "model/composed_block.h"

namespace hone::model {
namespace {

std::string layer_name(const TensorNames& names, int64_t layer, const std::string& part) {
  std::string prefix = names.layer_prefix;
  prefix.replace(prefix.find("{}"), 2, std::to_string(layer));
  return prefix + part;
}

Tensor random_tensor(const std::string& name, const std::vector<int64_t>& shape, double deviation, uint64_t seed) {
  Tensor tensor = at::empty(shape, at::TensorOptions().dtype(at::kFloat));
  auto* values = tensor.mutable_data_ptr<float>();
  RandomStream random(seed, hash64(name));
  for (int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(deviation * random.normal());
  return tensor;
}

/// A Linear's weight in few bits as it is stored, or brought to them now; null where it is to be dense.
std::shared_ptr<const tensor::Quantized> quantized_weight(const Checkpoint& checkpoint, const std::string& module,
                                                          const std::vector<int64_t>& shape,
                                                          const std::optional<Quantization>& stored,
                                                          const DecoderOptions& options) {
  if (stored) {
    if (!stored->applies_to(module)) return nullptr;
    const auto read = read_quantized(checkpoint, module, shape[0], shape[1], *stored);
    return std::make_shared<const tensor::Quantized>(read.to(options.device));
  }
  if (!options.quantization || !options.quantization->applies_to(module)) return nullptr;
  const std::string name = module + ".weight";
  const auto made = tensor::quantize(checkpoint.tensor(name, shape), options.quantization->options, name);
  checkpoint.release(name);
  return std::make_shared<const tensor::Quantized>(made.to(options.device));
}

constexpr uint64_t kNoiseStream = ~uint64_t{0};  // streams from 0 on belong to the Linears' dropout

}  // namespace

Decoder::Decoder(DecoderConfig config, DecoderOptions options, const WeightSource& source)
    : config_(std::move(config)), options_(options), family_(family_named(config_.family)), rope_(config_) {
  const TensorNames& names = family_.names;
  const int64_t d = config_.hidden_size, f = config_.intermediate_size;
  const int64_t q_width = config_.num_attention_heads * config_.head_dim,
                kv_width = config_.num_key_value_heads * config_.head_dim;
  int64_t index = 0;
  const auto linear = [&](const std::string& name, int64_t out, int64_t in, bool bias) {
    if (auto weight = source.quantized(name, out, in)) {
      return Linear(name, std::move(weight), bias ? source(name + ".bias", {out}) : Tensor(), options_.compute_type,
                    index++);
    }
    Tensor weight = source(name + ".weight", {out, in});
    return Linear(name, std::move(weight), bias ? source(name + ".bias", {out}) : Tensor(), options_.compute_type,
                  index++);
  };
  embedding_ = source(names.embedding + ".weight", {config_.vocab_size, d});
  for (int64_t i = 0; i < config_.num_hidden_layers; ++i) {
    auto block = std::make_unique<Block>(config_, i);
    block->attention_norm = source(layer_name(names, i, names.attention_norm) + ".weight", {d});
    block->q = linear(layer_name(names, i, names.q), q_width, d, config_.attention_bias);
    block->k = linear(layer_name(names, i, names.k), kv_width, d, config_.attention_bias);
    block->v = linear(layer_name(names, i, names.v), kv_width, d, config_.attention_bias);
    block->o = linear(layer_name(names, i, names.o), d, q_width, config_.attention_bias);
    block->mlp_norm = source(layer_name(names, i, names.mlp_norm) + ".weight", {d});
    block->gate = linear(layer_name(names, i, names.gate), f, d, config_.mlp_bias);
    block->up = linear(layer_name(names, i, names.up), f, d, config_.mlp_bias);
    block->down = linear(layer_name(names, i, names.down), d, f, config_.mlp_bias);
    blocks_.push_back(std::move(block));
  }
  final_norm_ = source(names.final_norm + ".weight", {d});
  head_ = config_.tie_word_embeddings ? Linear(names.head, embedding_, Tensor(), options_.compute_type, index++)
                                      : linear(names.head, config_.vocab_size, d, false);
}

std::unique_ptr<Decoder> Decoder::load(const std::filesystem::path& folder, const DecoderOptions& options) {
  DecoderConfig config = read_config(folder);
  const Checkpoint checkpoint(folder);
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
  source.quantized = [&](const std::string& module, int64_t out, int64_t in) {
    return quantized_weight(checkpoint, module, {out, in}, few_bits, options);
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
  source.quantized = [&](const std::string& module, int64_t out, int64_t in) {
    const bool few = options.quantization && options.quantization->applies_to(module);
    return few ? std::make_shared<const tensor::Quantized>(
                     tensor::quantize(weight(module + ".weight", {out, in}), options.quantization->options, module))
               : nullptr;
  };
  return std::unique_ptr<Decoder>(new Decoder(config, options, source));
}

std::unique_ptr<Decoder> Decoder::outline(const DecoderConfig& config) {
  const c10::Device nowhere(c10::kMeta);
  WeightSource source;
  source.dense = [&](const std::string&, const std::vector<int64_t>& shape) {
    return at::empty(shape, at::TensorOptions().dtype(at::kFloat).device(nowhere));
  };
  source.quantized = [](const std::string&, int64_t, int64_t) { return nullptr; };
  return std::unique_ptr<Decoder>(new Decoder(config, {.device = nowhere}, source));
}

std::shared_ptr<const BlockInput> Decoder::block_input(const PackedBatch& batch, const StepContext& context,
                                                       std::span<const int64_t> lengths) {
  auto input = std::make_shared<BlockInput>();
  const RopeRows rope = rope_.rows(batch.positions, batch.cu_seqlens, lengths);
  input->positions = rope.positions, input->cos = rope.cos, input->sin = rope.sin;
  input->cu_seqlens = batch.cu_seqlens;
  input->context = context;
  return input;
}

Tensor Decoder::hidden(const PackedBatch& batch, const StepContext& context) {
  std::vector<int64_t> lengths;
  for (size_t i = 0; i + 1 < batch.cu_seqlens.size(); ++i) {
    lengths.push_back(batch.cu_seqlens[i + 1] - batch.cu_seqlens[i]);
  }
  const auto input = block_input(batch, context, lengths);
  Tensor x = at::embedding(embedding_, batch.ids).to(options_.compute_type);
  if (context.training && context.embedding_noise > 0) {
    std::vector<double> bounds;  // by the sequence's own length, which neither packing nor padding changes
    for (const int64_t length : lengths)
      bounds.push_back(context.embedding_noise / std::sqrt(static_cast<double>(length * config_.hidden_size)));
    x = x.add(tensor::uniform_noise(x, batch.cu_seqlens, bounds, {context.dropout_key, kNoiseStream}));
  }
  for (const auto& block : blocks_) {
    x = options_.composed_blocks ? composed_forward(*block, config_, x, input) : block->forward(x, input);
  }
  return x;
}

Tensor Decoder::logits(const Tensor& hidden) {
  const at::NoGradGuard no_grad;
  const Tensor weight = final_norm_.to(hidden.scalar_type());
  return head_.forward(tensor::rms_norm(hidden, weight, config_.rms_norm_eps).first, {}, nullptr);
}

Tensor Decoder::step(const PackedBatch& batch, std::span<KvCache* const> caches) {
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
  const auto input = block_input(batch, {}, lengths);
  Tensor x = at::embedding(embedding_, batch.ids).to(options_.compute_type);
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
  const auto add = [&](Linear& linear) {
    if (!linear.quantized) all.push_back({linear.name + ".weight", &linear.weight});
    if (linear.bias.defined()) all.push_back({linear.name + ".bias", &linear.bias});
  };
  for (size_t i = 0; i < blocks_.size(); ++i) {
    Block& block = *blocks_[i];
    all.push_back(
        {layer_name(names, static_cast<int64_t>(i), names.attention_norm) + ".weight", &block.attention_norm});
    for (Linear* linear : {&block.q, &block.k, &block.v, &block.o}) add(*linear);
    all.push_back({layer_name(names, static_cast<int64_t>(i), names.mlp_norm) + ".weight", &block.mlp_norm});
    for (Linear* linear : {&block.gate, &block.up, &block.down}) add(*linear);
  }
  all.push_back({names.final_norm + ".weight", &final_norm_});
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
  for (const auto& block : blocks_) {
    for (Linear* linear : {&block->q, &block->k, &block->v, &block->o, &block->gate, &block->up, &block->down}) {
      all.push_back(linear);
    }
  }
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
  int64_t rows = 0;
  for (const auto& sequence : sequences) rows += static_cast<int64_t>(sequence.size());
  const std::vector<int32_t> fill(static_cast<size_t>(even_rows(rows) - rows), 0);
  if (!fill.empty()) sequences.emplace_back(fill);
  return pack(sequences, device);
}

}  // namespace hone::model
