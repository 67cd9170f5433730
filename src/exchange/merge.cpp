#include "exchange/merge.h"

#include <ATen/ops/isfinite.h>
#include <ATen/ops/mm.h>

#include <algorithm>
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

}  // namespace

MergeReport merge_lora(model::Decoder& decoder, bool safe) {
  MergeReport report;
  std::vector<std::pair<model::Linear*, Tensor>> merged;
  for (model::Linear* linear : decoder.linears()) {
    if (!linear->lora) continue;
    const Tensor delta =
        at::mm(linear->lora->lora_B.detach(), linear->lora->lora_A.detach()).mul_(linear->lora->scaling);
    // Not in place: a weight stored in fp32 is a view into the read-only file.
    const at::ScalarType type = linear->quantized ? decoder.options().compute_type : linear->weight.scalar_type();
    const Tensor weight = linear->dense().add(linear->laid_out(delta)).to(type);
    if (safe) require_finite(linear->name, weight);
    report.largest_change = std::max(report.largest_change, static_cast<double>(delta.abs().max().item<float>()));
    merged.emplace_back(linear, weight);
  }
  if (safe) {
    for (const auto& parameter : decoder.parameters()) require_finite(parameter.name, *parameter.tensor);
  }
  for (auto& [linear, weight] : merged) {
    linear->weight = weight;
    linear->quantized = nullptr;
    linear->lora.reset();
  }
  report.modules = static_cast<int64_t>(merged.size());
  return report;
}

}  // namespace hone::exchange
