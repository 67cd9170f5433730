// A block and a decoder small enough for finite differences, with everything in them that can go wrong:
// grouped heads whose width is not D / H, biases, norms that are not 1, adapters everywhere.
#pragma once
#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/decoder.h"
#include "model/rope.h"
#include "tensor/device.h"

namespace hone::model {

inline Tensor random_tensor(const std::vector<int64_t>& shape, at::ScalarType type, double deviation = 1) {
  return (at::randn(shape, at::TensorOptions().dtype(at::kDouble)) * deviation).to(type);
}

/// What comes after is random_tensor's first, whichever tests ran before; and one thread, since for matrices
/// this small a second one only waits.
inline void begin_again() {
  at::manual_seed(7);
  tensor::set_threads(1);
}

inline DecoderConfig small_config() {
  DecoderConfig config;
  config.family = "llama";
  config.vocab_size = 17;
  config.hidden_size = 10;
  config.intermediate_size = 14;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 4;
  config.max_position_embeddings = 32;
  config.norm_eps = 1e-5;
  config.qkv_bias = config.o_bias = config.mlp_bias = true;
  config.initializer_range = 0.2;
  return config;
}

/// The settings in which families differ, as three of them have them and as none has.
enum class Likeness { kLlama, kGpt2, kOpt350, kOther };

inline DecoderConfig small_config(Likeness likeness) {
  DecoderConfig config = small_config();
  if (likeness == Likeness::kLlama) return config;
  config.norm = NormKind::kLayer;
  config.positions = PositionKind::kLearned;
  if (likeness == Likeness::kGpt2) {
    config.family = "gpt2";
    config.fused_qkv = config.transposed_weights = config.scales_by_layer = true;
    config.gated_mlp = false;
    config.activation = tensor::Activation::kGeluTanh;
  } else if (likeness == Likeness::kOpt350) {
    config.family = "opt";
    config.norm_place = NormPlace::kAfter;
    config.has_final_norm = config.gated_mlp = false;
    config.embedding_size = 6;
    config.position_offset = 2;
    config.activation = tensor::Activation::kRelu;
    config.initializer_range = 0.5;  // or the norms after leave gradients of 1e-3 to attention
  } else {  // a gated MLP that is not SwiGLU, rotary positions behind one matrix, no causal mask, RMSNorm after
    config.norm = NormKind::kRms;
    config.norm_place = NormPlace::kAfter;
    config.positions = PositionKind::kRotary;
    config.fused_qkv = true;
    config.attention_mask = tensor::AttentionMask::kNone;
    config.scales_attention = config.o_bias = false;
    config.activation = tensor::Activation::kGelu;
  }
  return config;
}

inline std::string name_of(Likeness likeness) {
  return std::vector<std::string>{"Llama", "Gpt2", "Opt350", "Other"}[static_cast<size_t>(likeness)];
}

inline std::string case_of(const testing::TestParamInfo<Likeness>& info) {
  return name_of(info.param);
}

/// Without rotary positions a bias of the keys adds the same to all scores of a row, which softmax does not notice: its
/// gradient is zero but for rounding.
inline bool bias_is_idle(const DecoderConfig& config, const std::string& linear) {
  return linear == "k" && config.positions == PositionKind::kLearned;
}

inline PackedBatch batch_of(const std::vector<std::vector<int32_t>>& sequences) {
  return pack({sequences.begin(), sequences.end()}, c10::Device(c10::kCPU));
}

/// Rank 2 with dropout, both matrices random. At least fp32, as tune makes them.
inline void attach_lora(Linear& linear, at::ScalarType compute_type) {
  const at::ScalarType type = compute_type == at::kDouble ? at::kDouble : at::kFloat;
  linear.lora = Lora{random_tensor({2, linear.in_features()}, type, 0.2),
                     random_tensor({linear.out_features(), 2}, type, 0.2), 1.5, 0.25};
}

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

inline void add_adapter(const Linear& linear, NamedTensors& to) {
  if (!linear.lora.has_value()) return;
  to.emplace_back(linear.name + ".lora_A", linear.lora->lora_A);
  to.emplace_back(linear.name + ".lora_B", linear.lora->lora_B);
}

/// Runs backward() and takes the gradients away from the tensors, so that the next run begins at none.
inline std::map<std::string, Tensor> gradients_of(const Tensor& loss, const NamedTensors& tensors) {
  if (loss.requires_grad()) loss.backward();
  std::map<std::string, Tensor> gradients;
  for (const auto& [name, tensor] : tensors) {
    gradients[name] = tensor.grad();
    tensor.mutable_grad() = Tensor();
  }
  return gradients;
}

/// Equal to `bound` of the largest element, in which `what` says who differs.
inline void expect_equal(const Tensor& mine, const Tensor& expected, double bound, const std::string& what) {
  ASSERT_EQ(mine.defined(), expected.defined()) << what;
  if (!expected.defined()) return;
  ASSERT_EQ(mine.sizes(), expected.sizes()) << what;
  ASSERT_EQ(mine.scalar_type(), expected.scalar_type()) << what;
  const Tensor wide = expected.detach().to(at::kDouble);
  const double scale = wide.abs().max().item<double>();
  EXPECT_GT(scale, 0) << what;
  EXPECT_LE((mine.detach().to(at::kDouble) - wide).abs().max().item<double>(), bound * scale) << what;
}

inline void expect_equal(const std::map<std::string, Tensor>& mine, const std::map<std::string, Tensor>& expected,
                         double bound, const std::string& what) {
  ASSERT_EQ(mine.size(), expected.size());
  for (const auto& [name, gradient] : expected) expect_equal(mine.at(name), gradient, bound, what + ": " + name);
}

/// How far two orders of the same sums may drift apart, relative to the largest element; in bf16 that is about
/// twenty roundings in a row to eight bits.
inline double rounding_of(at::ScalarType type) {
  return type == at::kDouble ? 1e-12 : type == at::kFloat ? 1e-5 : 8e-2;
}

}  // namespace hone::model
