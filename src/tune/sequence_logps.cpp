#include "tune/sequence_logps.h"

#include <ATen/ops/index_add.h>
#include <ATen/ops/zeros.h>

#include "model/head_loss.h"

namespace hone::tune {

Tensor sequence_logps(model::Decoder& decoder, const Examples& examples, std::span<const uint32_t> sequences,
                      const model::StepContext& context) {
  const MicroBatch micro = make_micro_batch(examples, {sequences.begin(), sequences.end()}, decoder.options().device);
  const Tensor logps = model::token_logps(decoder, decoder.hidden(micro.batch, context), micro.targets, context);
  std::vector<int64_t> sequence_of;
  for (size_t i = 0; i < sequences.size(); ++i) {
    const auto count = static_cast<size_t>(text::trained_targets(examples[sequences[i]]));
    sequence_of.insert(sequence_of.end(), count, static_cast<int64_t>(i));
  }
  // A few hundred additions: on the CPU they have one order, and in float64 none of them is lost.
  const auto wide = at::TensorOptions().dtype(at::kDouble);
  return at::index_add(at::zeros({static_cast<int64_t>(sequences.size())}, wide), 0, tensor_of(sequence_of),
                       logps.to(wide));
}

}  // namespace hone::tune
