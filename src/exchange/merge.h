// An adapter made part of its base.
#pragma once
#include "model/decoder.h"

namespace hone::exchange {

struct MergeReport {
  int64_t modules = 0;
  double largest_change = 0;  ///< max |ΔW|
  int64_t few_bits = 0;       ///< of the modules, those whose weight lay in few bits and is dense now
  /// What bringing those into the same few bits again would take from them: ‖Q(W + ΔW) - (W + ΔW)‖ / ‖ΔW‖ over all
  /// of them. 0: nothing; 1: as much as the update brought.
  double requantised_error = 0;
};

/// W ← W + scaling · B A, the product in fp32, and removes the adapters; trained biases and modules_to_save
/// are the decoder's own weights already. With `safe`, a weight that is not finite throws Error naming it and
/// leaves every weight as it was. Weights in few bits become dense, in the decoder's compute type; with `safe`
/// requantised_error is measured.
MergeReport merge_lora(model::Decoder& decoder, bool safe = true);

}  // namespace hone::exchange
