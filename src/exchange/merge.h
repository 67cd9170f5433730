// An adapter made part of its base.
#pragma once
#include "model/decoder.h"

namespace hone::exchange {

struct MergeReport {
  int64_t modules = 0;
  double largest_change = 0;  ///< max |ΔW|
};

/// W ← W + scaling · B A, the product in fp32, and removes the adapters; trained biases and modules_to_save
/// are the decoder's own weights already. With `safe`, a weight that is not finite throws Error naming it and
/// leaves every weight as it was.
MergeReport merge_lora(model::Decoder& decoder, bool safe = true);

}  // namespace hone::exchange
