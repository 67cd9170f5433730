#include "model/rope.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <cmath>
#include <numbers>

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

}  // namespace

RopeTable::RopeTable(const DecoderConfig& config) : config_(config) {
  if (config_.rope.original_max_position_embeddings == 0) {
    config_.rope.original_max_position_embeddings = config_.max_position_embeddings;
  }
}

std::pair<Tensor, Tensor> RopeTable::at_least(int64_t length, const c10::Device& device) {
  const RopeConfig& rope = config_.rope;
  const int64_t dim = config_.head_dim;
  const bool grows = rope.type == "dynamic" && length > config_.max_position_embeddings;
  if (cos_.defined() && cos_.device() == device &&
      (grows ? built_for_ == length
             : built_for_ >= length && (rope.type != "dynamic" || built_for_ <= config_.max_position_embeddings))) {
    return {cos_, sin_};
  }
  Tensor frequencies;
  double attention_factor = 1;
  if (rope.type == "linear") {
    frequencies = 1.0 / powers(rope.theta, dim) / rope.factor;
  } else if (grows) {
    const double maximum = static_cast<double>(config_.max_position_embeddings);
    const double stretch = rope.factor * static_cast<double>(length) / maximum - (rope.factor - 1);
    frequencies =
        1.0 / powers(rope.theta * std::pow(stretch, static_cast<double>(dim) / static_cast<double>(dim - 2)), dim);
  } else if (rope.type == "yarn") {
    frequencies = yarn_frequencies(rope, dim, rope.factor);
    attention_factor = yarn_attention_factor(rope, rope.factor);
  } else if (rope.type == "llama3") {
    frequencies = llama3_frequencies(rope, dim);
  } else {
    frequencies = 1.0 / powers(rope.theta, dim);
  }
  // Grow in doublings so that generation does not rebuild the table at each token.
  built_for_ = grows ? length
                     : std::max<int64_t>(
                           length, std::min(config_.max_position_embeddings, std::max<int64_t>(2 * built_for_, 2048)));
  const Tensor positions = at::arange(built_for_, at::TensorOptions().dtype(at::kFloat));
  const Tensor angles = at::outer(positions, frequencies);
  cos_ = (angles.cos() * attention_factor).to(device);
  sin_ = (angles.sin() * attention_factor).to(device);
  return {cos_, sin_};
}

}  // namespace hone::model
