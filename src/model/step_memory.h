// What a training step keeps in memory besides weights, gradients and moments, counted before anything is run: the
// tensors that Block, Linear, Norm and head_loss make and how long each of them lives. Whoever changes what those keep
// changes this; tests/e2e/test_estimate.py holds it to what the system says of a run.
#pragma once
#include <cstdint>

#include "model/decoder.h"

namespace hone::model {

/// A micro-batch as memory sees it.
struct BatchShape {
  int64_t tokens = 0;     ///< rows of all matrices: even_rows() of what is read
  int64_t loss_rows = 0;  ///< targets that carry loss
};

struct StepSettings {
  bool recompute = false;    ///< gradient_checkpointing
  bool accumulates = false;  ///< gradients of earlier micro-batches stand beside those that are being made
};

/// Bytes at one moment of a step.
struct StepBytes {
  int64_t activations = 0;  ///< kept for backward, and what the block at work holds besides
  int64_t loss = 0;         ///< logits of a chunk and what surrounds them
  int64_t gradients = 0;    ///< of trained tensors
  int64_t total() const { return activations + loss + gradients; }
};

/// The moment of forward and backward at which most is held. `decoder` may be an outline; adapters and trained weights
/// must be attached.
StepBytes step_peak(const Decoder& decoder, const BatchShape& batch, const StepSettings& settings);

/// The same of a forward without gradients, as evaluation makes it.
StepBytes forward_peak(const Decoder& decoder, const BatchShape& batch);

/// Keys and values of one position in all layers.
int64_t cache_bytes_per_token(const DecoderConfig& config, at::ScalarType compute_type);

}  // namespace hone::model
