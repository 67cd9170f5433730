#include "exchange/merge.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/mm.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/error.h"

namespace hone::exchange {
namespace {

void require_finite(const std::string& name, const Tensor& weight) {
  if (at::isfinite(weight).all().item<bool>()) return;
  fail_work(name, "merging the adapter gives a weight that is not finite",
            "the adapter is broken; use an earlier checkpoint");
}

double squares(const Tensor& values) {
  return values.square().sum(at::kDouble).item<double>();
}

/// Of the merged `weight` [out, in], the squares of the differences that its quantisation would bring.
double squared_error_in_few_bits(const std::string& name, const Tensor& weight, const tensor::Quantized& as) {
  const Tensor dense = weight.cpu().contiguous();
  const tensor::QuantOptions options{.type = as.type, .blocksize = as.blocksize, .double_quant = as.nested()};
  return squares(tensor::dequantize(tensor::quantize(dense, options, name), at::kFloat) - dense);
}

}  // namespace

MergeReport merge_lora(model::Decoder& decoder, bool safe) {
  MergeReport report;
  std::vector<std::pair<model::Linear*, Tensor>> merged;
  double updates = 0, errors = 0;
  for (model::Linear* linear : decoder.linears()) {
    if (!linear->lora) continue;
    const Tensor delta =
        at::mm(linear->lora->lora_B.detach(), linear->lora->lora_A.detach()).mul_(linear->lora->scaling);
    // Not in place: a weight stored in fp32 is a view into the read-only file.
    const at::ScalarType type = linear->quantized ? decoder.options().compute_type : linear->weight.scalar_type();
    const Tensor weight = linear->dense().add(linear->laid_out(delta)).to(type);
    if (safe) require_finite(linear->name, weight);
    if (safe && linear->quantized) {
      updates += squares(delta);
      errors += squared_error_in_few_bits(linear->name, linear->laid_out(weight), *linear->quantized);
    }
    report.largest_change = std::max(report.largest_change, static_cast<double>(delta.abs().max().item<float>()));
    merged.emplace_back(linear, weight);
  }
  if (safe) {
    for (const auto& parameter : decoder.parameters()) require_finite(parameter.name, *parameter.tensor);
  }
  for (auto& [linear, weight] : merged) {
    report.few_bits += linear->quantized ? 1 : 0;
    linear->weight = weight;
    linear->quantized = nullptr;
    linear->lora.reset();
  }
  if (updates > 0) report.requantised_error = std::sqrt(errors / updates);
  report.modules = static_cast<int64_t>(merged.size());
  return report;
}

}  // namespace hone::exchange
