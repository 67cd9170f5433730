#include "model/rope.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace hone::model {
namespace {

/// theta^(2i/dim), fp32 [dim/2].
Tensor powers(double theta, int64_t dim) {
  const Tensor exponents = at::arange(0, dim, 2, at::TensorOptions().dtype(at::kFloat)) / static_cast<double>(dim);
  return at::pow(theta, exponents);
}

Tensor llama3_frequencies(const RopeConfig& rope, int64_t dim) {
  const Tensor plain = 1.0 / powers(rope.theta, dim);
  const auto length = static_cast<double>(rope.original_max_position_embeddings);
  const double low_wavelength = length / rope.low_freq_factor, high_wavelength = length / rope.high_freq_factor;
  const Tensor wavelength = 2 * std::numbers::pi / plain;
  const Tensor scaled = at::where(wavelength.gt(low_wavelength), plain / rope.factor, plain);
  const Tensor smooth = (length / wavelength - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
  const Tensor between = (1 - smooth) * scaled / rope.factor + smooth * scaled;
  const Tensor is_between = wavelength.ge(high_wavelength).logical_and(wavelength.le(low_wavelength));
  return at::where(is_between, between, scaled);
}

/// Peng et al. 2023, "YaRN", section 3: interpolate slow dimensions, keep fast ones, blend between.
Tensor yarn_frequencies(const RopeConfig& rope, int64_t dim, double factor) {
  const auto dimension_of = [&](double rotations) {
    return static_cast<double>(dim) *
           std::log(static_cast<double>(rope.original_max_position_embeddings) / (rotations * 2 * std::numbers::pi)) /
           (2 * std::log(rope.theta));
  };
  double low = dimension_of(rope.beta_fast), high = dimension_of(rope.beta_slow);
  if (rope.truncate) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(dim - 1));
  if (low == high) high += 0.001;
  const Tensor position = at::arange(dim / 2, at::TensorOptions().dtype(at::kFloat));
  const Tensor keep = 1 - ((position - low) / (high - low)).clamp(0, 1);
  const Tensor power = powers(rope.theta, dim);
  return 1.0 / (factor * power) * (1 - keep) + 1.0 / power * keep;
}

double yarn_attention_factor(const RopeConfig& rope, double factor) {
  if (rope.attention_factor > 0) return rope.attention_factor;
  const auto scale = [&](double mscale) { return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0; };
  return rope.mscale != 0 && rope.mscale_all_dim != 0 ? scale(rope.mscale) / scale(rope.mscale_all_dim) : scale(1);
}

constexpr int64_t kTableBlock = 2048;  // positions

}  // namespace

RopeTable::RopeTable(const DecoderConfig& config) : config_(config) {
  if (config_.rope.original_max_position_embeddings == 0) {
    config_.rope.original_max_position_embeddings = config_.max_position_embeddings;
  }
}

Tensor RopeTable::frequencies(int64_t length) const {
  const RopeConfig& rope = config_.rope;
  const int64_t dim = config_.head_dim;
  if (rope.type == "linear") return 1.0 / powers(rope.theta, dim) / rope.factor;
  if (rope.type == "yarn") return yarn_frequencies(rope, dim, rope.factor);
  if (rope.type == "llama3") return llama3_frequencies(rope, dim);
  if (rope.type != "dynamic" || length <= config_.max_position_embeddings) return 1.0 / powers(rope.theta, dim);
  const auto maximum = static_cast<double>(config_.max_position_embeddings);
  const double stretch = rope.factor * static_cast<double>(length) / maximum - (rope.factor - 1);
  const double exponent = static_cast<double>(dim) / static_cast<double>(dim - 2);
  return 1.0 / powers(rope.theta * std::pow(stretch, exponent), dim);
}

void RopeTable::reach(int64_t length, const c10::Device& device) {
  if (cos_.defined() && cos_.device() == device && built_for_ >= length) return;
  // Grow in doublings so that generation does not rebuild the table at each token; and by whole blocks, each made for
  // itself, so that no figure depends on how long the table is (libraries round the ends of an array otherwise).
  const int64_t blocks = (std::max(length, 2 * built_for_) + kTableBlock - 1) / kTableBlock;
  const double attention_factor =
      config_.rope.type == "yarn" ? yarn_attention_factor(config_.rope, config_.rope.factor) : 1;
  const Tensor turns = frequencies(length);
  std::vector<Tensor> cos, sin;
  for (int64_t block = 0; block < blocks; ++block) {
    const auto fp32 = at::TensorOptions().dtype(at::kFloat);
    const Tensor angles = at::outer(at::arange(block * kTableBlock, (block + 1) * kTableBlock, fp32), turns);
    cos.push_back(angles.cos() * attention_factor);
    sin.push_back(angles.sin() * attention_factor);
  }
  built_for_ = blocks * kTableBlock;
  cos_ = at::cat(cos).to(device);
  sin_ = at::cat(sin).to(device);
}

RopeRows RopeTable::rows(const Tensor& positions, std::span<const int64_t> cu_seqlens,
                         std::span<const int64_t> lengths) {
  const int64_t longest = lengths.empty() ? 1 : *std::max_element(lengths.begin(), lengths.end());
  if (config_.rope.type != "dynamic" || longest <= config_.max_position_embeddings) {
    reach(longest, positions.device());
    return {positions, cos_, sin_};
  }
  // Frequencies differ between the sequences: a row for each token. Each sequence's are made for themselves, and those
  // of a short one come from the table as they do without longer neighbours.
  reach(config_.max_position_embeddings, positions.device());
  std::vector<Tensor> cos, sin;
  for (size_t i = 0; i < lengths.size(); ++i) {
    const Tensor own = positions.narrow(0, cu_seqlens[i], cu_seqlens[i + 1] - cu_seqlens[i]);
    if (lengths[i] <= config_.max_position_embeddings) {
      cos.push_back(at::index_select(cos_, 0, own));
      sin.push_back(at::index_select(sin_, 0, own));
      continue;
    }
    const Tensor angles = at::outer(own.to(at::kFloat), frequencies(lengths[i]).to(positions.device()));
    cos.push_back(angles.cos());
    sin.push_back(angles.sin());
  }
  return {at::arange(positions.size(0), positions.options()), at::cat(cos), at::cat(sin)};
}

}  // namespace hone::model
