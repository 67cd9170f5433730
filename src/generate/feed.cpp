#include "generate/feed.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

namespace hone::generate {
namespace {

constexpr int64_t kRoom = 64;        // positions that a cache has beyond the prompt at first
constexpr int64_t kScoredRows = 64;  // of a prompt whose logits are held at a time

/// Caches grow with their sequence: max_new_tokens is often far from reached.
void reserve(model::KvCache& cache, const model::Decoder& decoder, int64_t needed) {
  const int64_t capacity = cache.keys.empty() ? 0 : cache.keys.front().size(1);
  if (needed <= capacity) return;
  model::KvCache larger = decoder.make_cache(std::max(needed + kRoom - 1, capacity + capacity / 2));
  for (size_t i = 0; i < cache.keys.size() && cache.length > 0; ++i) {
    larger.keys[i].narrow(1, 0, cache.length).copy_(cache.keys[i].narrow(1, 0, cache.length));
    larger.values[i].narrow(1, 0, cache.length).copy_(cache.values[i].narrow(1, 0, cache.length));
  }
  larger.length = cache.length;
  cache = std::move(larger);
}

int64_t prompt_length(const Sequence& sequence) {
  return static_cast<int64_t>(sequence.request.prompt.size());
}

void add_rows(std::vector<model::AdapterRows>& to, int64_t begin, int64_t end, const model::AdapterWeights* adapter) {
  if (adapter == nullptr || begin == end) return;
  if (!to.empty() && to.back().adapter == adapter && to.back().end == begin)
    to.back().end = end;
  else
    to.push_back({begin, end, adapter});
}

/// Log-probabilities of the tokens that follow those of `hidden`, which begin at `first`.
void score_prompt(model::Decoder& decoder, Sequence& sequence, const Tensor& hidden, int64_t first) {
  const auto& prompt = sequence.request.prompt;
  const int64_t scored = std::min(hidden.size(0), prompt_length(sequence) - 1 - first);
  for (int64_t begin = 0; begin < scored; begin += kScoredRows) {
    const int64_t count = std::min(kScoredRows, scored - begin);
    std::vector<model::AdapterRows> rows;
    add_rows(rows, 0, count, sequence.request.adapter.get());
    const Tensor logits =
        decoder.logits(hidden.narrow(0, begin, count), {.adapters = rows}).to(at::kFloat).cpu().contiguous();
    const auto width = static_cast<size_t>(logits.size(1));
    for (int64_t i = 0; i < count; ++i) {
      const float* row = logits.const_data_ptr<float>() + i * logits.size(1);
      const int32_t token = prompt[static_cast<size_t>(first + begin + i + 1)];
      sequence.prompt_logprobs.push_back(token_logprob({row, width}, token, sequence.request.logprobs.value_or(0)));
    }
  }
}

}  // namespace

void feed_prompt(model::Decoder& decoder, Sequence& sequence, size_t count) {
  const at::NoGradGuard no_grad;
  reserve(sequence.cache, decoder, prompt_length(sequence) + 1);
  const auto part = std::span(sequence.request.prompt).subspan(sequence.fed, count);
  const auto first = static_cast<int64_t>(sequence.fed), rows = static_cast<int64_t>(count);
  model::PackedBatch batch = model::pack({part}, decoder.options().device);
  batch.positions = batch.positions + first;
  std::vector<model::AdapterRows> adapters;
  add_rows(adapters, 0, rows, sequence.request.adapter.get());
  model::KvCache* cache = &sequence.cache;
  const Tensor hidden = decoder.step(batch, {&cache, 1}, {.adapters = adapters});
  if (sequence.request.prompt_logprobs) score_prompt(decoder, sequence, hidden, first);
  sequence.fed += count;
  if (sequence.prefilled()) sequence.prompt_hidden = hidden.narrow(0, rows - 1, 1).clone();
}

void share_prompt(model::Decoder& decoder, const Sequence& from, Sequence& to) {
  const at::NoGradGuard no_grad;
  const int64_t length = prompt_length(from);
  reserve(to.cache, decoder, length + 1);
  for (size_t i = 0; i < to.cache.keys.size(); ++i) {
    to.cache.keys[i].narrow(1, 0, length).copy_(from.cache.keys[i].narrow(1, 0, length));
    to.cache.values[i].narrow(1, 0, length).copy_(from.cache.values[i].narrow(1, 0, length));
  }
  to.cache.length = length;
  to.fed = from.fed;
  to.prompt_hidden = from.prompt_hidden;
  to.prompt_logprobs = from.prompt_logprobs;
}

Tensor next_logits(model::Decoder& decoder, std::span<Sequence* const> sequences) {
  const at::NoGradGuard no_grad;
  std::vector<std::span<const int32_t>> parts;
  std::vector<model::KvCache*> caches;
  std::vector<int64_t> positions;
  std::vector<model::AdapterRows> fed, all;  // of the rows that go in now, and of all
  for (Sequence* sequence : sequences) {
    if (sequence->generated.empty()) continue;
    const auto at = static_cast<int64_t>(caches.size());
    add_rows(fed, at, at + 1, sequence->request.adapter.get());
    parts.push_back(std::span<const int32_t>(sequence->generated).last(1));
    reserve(sequence->cache, decoder, sequence->cache.length + 1);
    positions.push_back(sequence->cache.length);
    caches.push_back(&sequence->cache);
  }
  Tensor hidden;
  if (!caches.empty()) {
    model::PackedBatch batch = model::pack(parts, decoder.options().device);
    batch.positions = at::tensor(positions).to(decoder.options().device);
    hidden = decoder.step(batch, caches, {.adapters = fed, .row_by_row = true});
  }
  std::vector<Tensor> rows;
  int64_t used = 0;
  for (size_t i = 0; i < sequences.size(); ++i) {
    const Sequence& sequence = *sequences[i];
    add_rows(all, static_cast<int64_t>(i), static_cast<int64_t>(i) + 1, sequence.request.adapter.get());
    rows.push_back(sequence.generated.empty() ? sequence.prompt_hidden : hidden.narrow(0, used++, 1));
  }
  return decoder.logits(at::cat(rows), {.adapters = all, .row_by_row = true}).to(at::kFloat);
}

}  // namespace hone::generate
