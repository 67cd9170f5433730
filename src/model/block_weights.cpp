#include "model/block_weights.h"

namespace hone::model {
namespace {

void fill_block(Block& block, int64_t layer, const DecoderConfig& config, const TensorNames& names,
                at::ScalarType compute_type, const WeightSource& source, int64_t& index) {
  const int64_t d = config.hidden_size, f = config.intermediate_size;
  const int64_t q_width = config.num_attention_heads * config.head_dim,
                kv_width = config.num_key_value_heads * config.head_dim;
  const WeightLayout layout = config.transposed_weights ? WeightLayout::kInOut : WeightLayout::kOutIn;
  const auto linear = [&](const std::string& part, int64_t out, int64_t in, bool bias) {
    return make_linear(layer_name(names, layer, part), out, in, {bias, layout, compute_type}, source, index);
  };
  block.attention_norm = make_norm(config, layer_name(names, layer, names.attention_norm), source);
  if (config.fused_qkv) {
    block.qkv = linear(names.qkv, q_width + 2 * kv_width, d, config.qkv_bias);
  } else {
    block.q = linear(names.q, q_width, d, config.qkv_bias);
    block.k = linear(names.k, kv_width, d, config.qkv_bias);
    block.v = linear(names.v, kv_width, d, config.qkv_bias);
  }
  block.o = linear(names.o, d, q_width, config.o_bias);
  block.mlp_norm = make_norm(config, layer_name(names, layer, names.mlp_norm), source);
  if (config.gated_mlp) block.gate = linear(names.gate, f, d, config.mlp_bias);
  block.up = linear(names.up, f, d, config.mlp_bias);
  block.down = linear(names.down, d, f, config.mlp_bias);
}

}  // namespace

std::string layer_name(const TensorNames& names, int64_t layer, const std::string& part) {
  std::string prefix = names.layer_prefix;
  prefix.replace(prefix.find("{}"), 2, std::to_string(layer));
  return prefix + part;
}

Linear make_linear(const std::string& name, int64_t out, int64_t in, const LinearOptions& options,
                   const WeightSource& source, int64_t& index) {
  const auto bias = [&] { return options.bias ? source(name + ".bias", {out}) : Tensor(); };
  if (auto weight = source.quantized(name, out, in, options.layout)) {
    return {name, std::move(weight), bias(), options.compute_type, index++, options.layout};
  }
  const bool turned = options.layout == WeightLayout::kInOut;
  Tensor weight = source(name + ".weight", {turned ? in : out, turned ? out : in});
  return {name, std::move(weight), bias(), options.compute_type, index++, options.layout};
}

Norm make_norm(const DecoderConfig& config, const std::string& name, const WeightSource& source) {
  const std::vector<int64_t> shape{config.hidden_size};
  Tensor weight = source(name + ".weight", shape);
  Tensor bias = config.norm == NormKind::kLayer ? source(name + ".bias", shape) : Tensor();
  return {name, config.norm, config.norm_eps, std::move(weight), std::move(bias)};
}

std::vector<std::unique_ptr<Block>> make_blocks(const DecoderConfig& config, const TensorNames& names,
                                                at::ScalarType compute_type, const WeightSource& source,
                                                int64_t& index) {
  std::vector<std::unique_ptr<Block>> blocks;
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
    blocks.push_back(std::make_unique<Block>(config, i));
    fill_block(*blocks.back(), i, config, names, compute_type, source, index);
  }
  return blocks;
}

}  // namespace hone::model
