#include "tensor/adamw8bit.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "tensor/cpu/operands.h"
#include "tensor/parallel.h"

namespace hone::tensor {
namespace {

cpu::AdamW8bitStep step_of(const AdamW8bitOptions& o) {
  const auto t = static_cast<double>(o.step);
  return {static_cast<float>(o.beta1),
          static_cast<float>(1.0 - o.beta1),
          static_cast<float>(o.beta2),
          static_cast<float>(1.0 - o.beta2),
          static_cast<float>(1.0 - o.learning_rate * o.weight_decay),
          static_cast<float>(-o.learning_rate / (1.0 - std::pow(o.beta1, t))),
          static_cast<float>(std::sqrt(1.0 - std::pow(o.beta2, t))),
          static_cast<float>(o.epsilon),
          dynamic_map(true).data(),
          dynamic_map(false).data(),
          nearest_codes(true).data(),
          nearest_codes(false).data()};
}

template <typename Value>
Tensor table(const Value* values, int64_t count, at::ScalarType type, const c10::Device& device) {
  return at::from_blob(const_cast<Value*>(values), {count}, at::TensorOptions().dtype(type)).to(device);
}

/// Moments from codes: [count] fp32.
Tensor decoded(const Tensor& codes, const Tensor& scales, bool with_sign) {
  const Tensor map = table(dynamic_map(with_sign).data(), 256, at::kFloat, codes.device());
  const Tensor values = map.index_select(0, codes.to(at::kLong));
  const Tensor each = scales.unsqueeze(1).expand({scales.size(0), kEightBitBlock}).reshape({-1});
  return values * each.narrow(0, 0, codes.size(0));
}

/// The other way: codes and scales overwritten.
void encode(const Tensor& values, bool with_sign, Tensor& codes, Tensor& scales) {
  const int64_t blocks = scales.size(0), count = values.size(0);
  const Tensor rows = at::constant_pad_nd(values, {0, blocks * kEightBitBlock - count}).view({blocks, kEightBitBlock});
  scales.copy_(rows.abs().amax({1}));
  const Tensor empty = scales.eq(0);
  const Tensor inverse = at::where(empty, 0.0, scales.reciprocal()).unsqueeze(1);
  // In float64, where the last product and sum are exact: one rounding, as with a fused instruction.
  const Tensor half = ((rows * inverse).clamp(-1, 1) + 1.0) * 0.5;
  const Tensor steps = (half.to(at::kDouble) * 65535.0 + 0.5).to(at::kFloat).to(at::kLong);
  const Tensor nearest = table(nearest_codes(with_sign).data(), 65536, at::kByte, values.device());
  const Tensor found = nearest.index_select(0, steps.flatten()).view(rows.sizes());
  codes.copy_(found.masked_fill(empty.unsqueeze(1), 0).flatten().narrow(0, 0, count));
}

}  // namespace

EightBitMoments eight_bit_moments(int64_t count, const c10::Device& device) {
  const int64_t blocks = (count + kEightBitBlock - 1) / kEightBitBlock;
  const auto bytes = at::TensorOptions().dtype(at::kByte).device(device);
  const auto floats = at::TensorOptions().dtype(at::kFloat).device(device);
  return {at::zeros({count}, bytes), at::zeros({count}, bytes), at::zeros({blocks}, floats),
          at::zeros({blocks}, floats)};
}

void portable::adamw_8bit(Tensor& value, const Tensor& gradient, EightBitMoments& moments,
                          const AdamW8bitOptions& options) {
  const cpu::AdamW8bitStep s = step_of(options);
  const Tensor usable = gradient.flatten().isfinite();
  const Tensor g = at::where(usable, gradient.flatten(), 0.0);
  Tensor m = decoded(moments.first, moments.first_scales, true);
  Tensor v = decoded(moments.second, moments.second_scales, false);
  m.mul_(s.beta1).add_(g, s.one_less_beta1);
  v.mul_(s.beta2).addcmul_(g, g, s.one_less_beta2);
  const Tensor root = (v.sqrt() / s.correction2).add_(s.epsilon);
  const Tensor moved = (value.flatten() * s.decay).addcdiv_(m, root, s.rate);
  value.copy_(at::where(usable, moved, value.flatten()).view(value.sizes()));
  encode(at::where(usable, m, 0.0), true, moments.first, moments.first_scales);
  encode(at::where(usable, v, 0.0), false, moments.second, moments.second_scales);
}

void adamw_8bit(Tensor& value, const Tensor& gradient, EightBitMoments& moments, const AdamW8bitOptions& options) {
  const bool fp32 = value.scalar_type() == at::kFloat && gradient.scalar_type() == at::kFloat;
  if (!fp32 || !has_kernel(value) || !has_kernel(gradient)) {
    return portable::adamw_8bit(value, gradient, moments, options);
  }
  const cpu::AdamW8bitStep step = step_of(options);
  const auto* g = gradient.const_data_ptr<float>();
  auto* p = value.mutable_data_ptr<float>();
  auto *first = moments.first.mutable_data_ptr<uint8_t>(), *second = moments.second.mutable_data_ptr<uint8_t>();
  auto *scales1 = moments.first_scales.mutable_data_ptr<float>(),
       *scales2 = moments.second_scales.mutable_data_ptr<float>();
  const int64_t count = value.numel();
  parallel_rows(moments.first_scales.size(0), 64, [&](int64_t begin, int64_t end) {
    cpu::kernels().adamw_8bit(step, g, p, first, second, scales1, scales2, count, begin, end);
  });
}

}  // namespace hone::tensor
