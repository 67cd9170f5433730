#include "model/step_memory.h"

#include <c10/core/ScalarType.h>

#include <algorithm>

#include "model/head_loss.h"

namespace hone::model {
namespace {

constexpr int64_t kFloat = 4;

bool trains(const Tensor& tensor) {
  return GradSink::wants(tensor);
}

int64_t gradient_bytes(const std::vector<Tensor>& trained) {
  int64_t bytes = 0;
  for (const Tensor& tensor : trained) bytes += tensor.numel() * tensor.element_size();
  return bytes;
}

/// Widths of a block, and the size of a number in them.
struct Widths {
  Widths(const DecoderConfig& c, at::ScalarType type)
      : d(c.hidden_size),
        attention(c.num_attention_heads * c.head_dim),
        kv(c.num_key_value_heads * c.head_dim),
        f(c.intermediate_size),
        heads(c.num_attention_heads),
        gated(c.gated_mlp),
        after(c.norm_place == NormPlace::kAfter),
        norm_floats(c.norm == NormKind::kLayer ? 2 : 1),
        e(static_cast<int64_t>(c10::elementSize(type))) {}
  int64_t d, attention, kv, f, heads;
  bool gated, after;
  int64_t norm_floats, e;
};

/// Linear::backward: what it holds while it works, besides x, dy, dx and the gradients that it hands over.
int64_t linear_work(const Linear& linear, int64_t rows, int64_t e) {
  const int64_t in = linear.in_features(), out = linear.out_features();
  int64_t work = linear.quantized ? tensor::kPanelBytes : 0;
  if (trains(linear.weight) && e != kFloat) work += in * out * e;  // the product, before it becomes fp32
  if (linear.lora) {
    const int64_t r = linear.lora->lora_A.size(0);
    work = std::max(work, rows * r * e + (linear.lora->dropout > 0 ? 2 * rows * in * e : 0));
  }
  return work;
}

/// Block::Saved, after its forward.
int64_t block_kept(const Block& block, const DecoderConfig& config, const Widths& w, int64_t rows) {
  int64_t numbers = w.d + w.attention + 2 * w.kv + w.attention + w.d + w.f + (w.gated ? w.f : 0);
  if (w.after) numbers += 2 * w.d;
  for (const Linear Block::*member : Block::linears(config)) {
    const Linear& linear = block.*member;
    if (linear.lora) numbers += linear.lora->lora_A.size(0);
  }
  return rows * (numbers * w.e + kFloat * (w.heads + 2 * w.norm_floats));
}

/// mlp_backward() at its worst: the norm's output, what `down` was given and the gradient of it.
int64_t mlp_work(const Block& block, const Widths& w, int64_t rows) {
  const int64_t wide = rows * w.f * w.e, narrow = rows * w.d * w.e;
  const int64_t down = narrow + 2 * wide + linear_work(block.down, rows, w.e);
  const int64_t gate = w.gated ? linear_work(block.gate, rows, w.e) : 0;
  return std::max(down, 2 * narrow + wide + std::max(gate, linear_work(block.up, rows, w.e)));
}

/// attention_backward() at its worst. By then what the MLP kept is gone.
int64_t attention_work(const Block& block, const DecoderConfig& config, const Widths& w, int64_t rows) {
  const int64_t gone = rows * w.e * (w.d + w.f + (w.gated ? w.f : 0));
  const int64_t gradients = rows * w.e * (2 * w.attention + 2 * w.kv), shares = 2 * rows * w.attention * kFloat;
  int64_t linear = 0;
  for (const Linear Block::*member : Block::linears(config)) {
    if (member == &Block::o) break;
    linear = std::max(linear, linear_work(block.*member, rows, w.e));
  }
  return rows * w.d * w.e + gradients + std::max(shares, rows * w.d * w.e + linear) - gone;
}

int64_t backward_work(const Block& block, const DecoderConfig& config, const Widths& w, int64_t rows) {
  const int64_t dx = (w.after ? 3 : 1) * rows * w.d * w.e;
  return dx + std::max(mlp_work(block, w, rows), attention_work(block, config, w, rows));
}

/// run_head(): a chunk's logits, the few rows around them, and a further gradient of the head's weight.
int64_t head_work(const Decoder& decoder, const Widths& w, const BatchShape& batch, bool backward) {
  const Linear& head = decoder.head();
  const int64_t vocabulary = head.out_features(), loss_rows = even_rows(batch.loss_rows);
  const int64_t chunk = std::min(loss_rows, head_chunk_rows(decoder, HeadLossOptions().chunk_bytes));
  int64_t work = chunk * (vocabulary + (backward ? 5 : 3) * w.d) * w.e + loss_rows * 48;
  if (!backward || !trains(head.weight)) return work;
  const int64_t numbers = head.weight.numel();
  if (w.e != kFloat) work += numbers * w.e;
  if (chunk < loss_rows) work += numbers * kFloat;
  return work;
}

}  // namespace

StepBytes step_peak(const Decoder& decoder, const BatchShape& batch, const StepSettings& settings) {
  const DecoderConfig& config = decoder.config();
  const Widths w(config, decoder.options().compute_type);
  const int64_t rows = batch.tokens, row_bytes = rows * w.d * w.e;
  const std::vector<Tensor> outside = decoder.trained_embeddings();
  std::vector<int64_t> kept, gradients;  // of each block
  int64_t all_kept = 0, all_gradients = gradient_bytes(outside);
  bool active = !outside.empty();
  for (const auto& block : decoder.blocks()) {
    const std::vector<Tensor> trained = block->trainable();
    active = active || !trained.empty();  // what comes earlier keeps nothing for backward
    kept.push_back(!active ? 0 : settings.recompute ? row_bytes : block_kept(*block, config, w, rows));
    gradients.push_back(gradient_bytes(trained));
    all_kept += kept.back();
    all_gradients += gradients.back();
  }
  const int64_t ending = gradient_bytes(decoder.trained_ending());
  if (!config.tie_word_embeddings || outside.empty()) all_gradients += ending;

  // After the forward: all activations, the last hidden states and their gradient, the head at work.
  const int64_t standing = settings.accumulates ? all_gradients : 0;
  StepBytes peak{.activations = all_kept + 2 * row_bytes,
                 .loss = head_work(decoder, w, batch, /*backward=*/true),
                 .gradients = standing + ending};
  const auto consider = [&](const StepBytes& moment) {
    if (moment.total() > peak.total()) peak = moment;
  };
  // From the last block to the first, activations go and gradients come.
  int64_t made = ending;
  for (size_t i = kept.size(); i-- > 0;) {
    if (kept[i] == 0) break;
    const Block& block = *decoder.blocks()[i];
    int64_t work = backward_work(block, config, w, rows);
    if (settings.recompute) work += block_kept(block, config, w, rows);
    made = settings.accumulates ? gradients[i] : made + gradients[i];
    consider({.activations = all_kept + 2 * row_bytes + work, .loss = 0, .gradients = standing + made});
    all_kept -= kept[i];
  }
  // The embedding's gradient is dense, and joins the head's where they are one.
  if (!outside.empty()) {
    consider({.activations = rows * w.d * (w.e + kFloat),
              .loss = 0,
              .gradients = standing + (settings.accumulates ? ending : made) + gradient_bytes(outside)});
  }
  consider({.activations = 0, .loss = 0, .gradients = all_gradients});
  return peak;
}

StepBytes forward_peak(const Decoder& decoder, const BatchShape& batch) {
  const DecoderConfig& config = decoder.config();
  const Widths w(config, decoder.options().compute_type);
  const int64_t rows = batch.tokens;
  const int64_t in_attention = 3 * w.d + 2 * w.attention + 2 * w.kv, in_mlp = 3 * w.d + w.f * (w.gated ? 3 : 2);
  return {.activations = rows * w.e * std::max(in_attention, in_mlp),
          .loss = head_work(decoder, w, batch, /*backward=*/false)};
}

int64_t cache_bytes_per_token(const DecoderConfig& config, at::ScalarType compute_type) {
  return 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim *
         static_cast<int64_t>(c10::elementSize(compute_type));
}

}  // namespace hone::model
