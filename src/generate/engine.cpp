#include "generate/engine.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/max.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <list>

#include "base/error.h"
#include "base/strings.h"

namespace hone::generate {
namespace {

/// One request while it waits and runs.
struct Sequence {
  Sequence(uint64_t number, Request asked, const text::Tokenizer& tokenizer)
      : id(number),
        request(std::move(asked)),
        sampler(request.sampling),
        counts(request.prompt),
        random(request.seed, request.stream),
        decoder(tokenizer),
        matcher(request.stop.strings),
        pending(request.prompt) {}

  uint64_t id;
  Request request;
  Sampler sampler;
  TokenCounts counts;
  RandomStream random;
  text::StreamDecoder decoder;
  StopMatcher matcher;
  model::KvCache cache;
  std::vector<int32_t> pending;  // tokens that the model has not seen: the prompt, then the newest token
  std::vector<int32_t> generated;
};

/// Room for `needed` positions. Caches grow with their sequence: max_new_tokens is often far from reached.
void reserve(model::KvCache& cache, const model::Decoder& decoder, int64_t needed) {
  const int64_t capacity = cache.keys.empty() ? 0 : cache.keys.front().size(1);
  if (needed <= capacity) return;
  model::KvCache larger = decoder.make_cache(std::max(needed + 63, capacity + capacity / 2));
  for (size_t i = 0; i < cache.keys.size() && cache.length > 0; ++i) {
    larger.keys[i].narrow(1, 0, cache.length).copy_(cache.keys[i].narrow(1, 0, cache.length));
    larger.values[i].narrow(1, 0, cache.length).copy_(cache.values[i].narrow(1, 0, cache.length));
  }
  larger.length = cache.length;
  cache = std::move(larger);
}

}  // namespace

const char* finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kNone: return "";
    case FinishReason::kStop: return "stop";
    case FinishReason::kLength: return "length";
  }
  return "";
}

struct Engine::Impl {
  Impl(model::Decoder& model, const text::Tokenizer& text_side, EngineOptions chosen)
      : decoder(model), tokenizer(text_side), options(chosen) {}

  void admit();
  Tensor last_logits();
  std::vector<int32_t> choose(Tensor logits);
  Event advance(Sequence& sequence, int32_t token);
  std::string answer(const Sequence& sequence, bool ended_by_token) const;

  model::Decoder& decoder;
  const text::Tokenizer& tokenizer;
  EngineOptions options;
  uint64_t next_id = 1;
  std::list<Sequence> waiting, running;  // both in the order of arrival
};

Engine::Engine(model::Decoder& decoder, const text::Tokenizer& tokenizer, EngineOptions options)
    : impl_(std::make_unique<Impl>(decoder, tokenizer, options)) {
  // Past the last of its learned positions a model cannot go on at all.
  if (const int64_t limit = decoder.config().position_limit(); limit > 0) {
    const int64_t wanted = impl_->options.context_limit;
    impl_->options.context_limit = wanted > 0 ? std::min(wanted, limit) : limit;
  }
  if (options.max_running == 0) fail_input("max_running", "is 0, so no answer could begin", "1 or more run together");
}
Engine::~Engine() = default;

bool Engine::idle() const {
  return impl_->waiting.empty() && impl_->running.empty();
}
size_t Engine::running() const {
  return impl_->running.size();
}
size_t Engine::waiting() const {
  return impl_->waiting.size();
}

uint64_t Engine::add(Request request) {
  const int64_t vocabulary = impl_->decoder.config().vocab_size, limit = impl_->options.context_limit;
  if (request.prompt.empty()) {
    fail_input("prompt", "gives no token, so there is nothing to continue",
               "write some text; this tokenizer adds no BOS token");
  }
  for (const int32_t id : request.prompt) {
    if (id < 0 || id >= vocabulary) {
      fail_input("prompt", format("holds token id %d, but the model knows ids below %ld", id, vocabulary),
                 "the tokenizer belongs to another model");
    }
  }
  if (request.stop.max_new_tokens < 1) {
    fail_input("max_new_tokens", format("is %ld, expected 1 or more", request.stop.max_new_tokens));
  }
  if (limit > 0 && static_cast<int64_t>(request.prompt.size()) >= limit) {
    fail_input("prompt", format("has %zu tokens, the context ends at %ld", request.prompt.size(), limit), "shorten it");
  }
  impl_->waiting.emplace_back(impl_->next_id, std::move(request), impl_->tokenizer);
  return impl_->next_id++;
}

bool Engine::cancel(uint64_t id) {
  const auto is_it = [id](const Sequence& sequence) { return sequence.id == id; };
  return impl_->waiting.remove_if(is_it) + impl_->running.remove_if(is_it) > 0;
}

void Engine::Impl::admit() {
  int64_t prefill = 0;
  while (!waiting.empty() && running.size() < options.max_running) {
    const auto length = static_cast<int64_t>(waiting.front().pending.size());
    if (prefill > 0 && prefill + length > options.max_prefill) break;
    prefill += length;
    running.splice(running.end(), waiting, waiting.begin());
  }
}

/// Feeds every running sequence's pending tokens in one packed step; logits [running, V] after the last of each.
Tensor Engine::Impl::last_logits() {
  const at::NoGradGuard no_grad;
  std::vector<std::span<const int32_t>> parts;
  std::vector<model::KvCache*> caches;
  for (Sequence& sequence : running) {
    parts.emplace_back(sequence.pending);
    reserve(sequence.cache, decoder, sequence.cache.length + static_cast<int64_t>(sequence.pending.size()));
    caches.push_back(&sequence.cache);
  }
  const auto on_cpu = at::TensorOptions().dtype(at::kLong);
  const c10::Device device = decoder.options().device;
  model::PackedBatch batch = model::pack(parts, device);
  Tensor positions = at::empty({batch.cu_seqlens.back()}, on_cpu);
  Tensor last = at::empty({static_cast<int64_t>(caches.size())}, on_cpu);
  auto *position = positions.mutable_data_ptr<int64_t>(), *row = last.mutable_data_ptr<int64_t>();
  for (size_t i = 0; i < caches.size(); ++i) {
    for (int64_t t = batch.cu_seqlens[i]; t < batch.cu_seqlens[i + 1]; ++t) {
      position[t] = caches[i]->length + t - batch.cu_seqlens[i];
    }
    row[i] = batch.cu_seqlens[i + 1] - 1;
  }
  batch.positions = positions.to(device);
  const Tensor hidden = decoder.step(batch, caches);
  return decoder.logits(at::index_select(hidden, 0, last.to(device))).to(at::kFloat);
}

std::vector<int32_t> Engine::Impl::choose(Tensor logits) {
  std::vector<int32_t> tokens;
  const bool plain =
      std::all_of(running.begin(), running.end(), [](const Sequence& s) { return s.sampler.plain_greedy(); });
  if (plain) {  // the logits stay where they are; max() gives NaN if there is one, and the first of equals
    auto [values, indices] = at::max(logits, 1);
    const Tensor largest = values.cpu(), ids = indices.cpu();
    for (int64_t i = 0; i < ids.numel(); ++i) {
      if (!std::isfinite(largest.const_data_ptr<float>()[i])) fail_not_a_number();
      tokens.push_back(static_cast<int32_t>(ids.const_data_ptr<int64_t>()[i]));
    }
    return tokens;
  }
  logits = logits.cpu().contiguous();
  const auto width = static_cast<size_t>(logits.size(1));
  float* row = logits.mutable_data_ptr<float>();
  for (Sequence& sequence : running) {
    tokens.push_back(sequence.sampler.choose({row, width}, sequence.counts, sequence.random));
    row += width;
  }
  return tokens;
}

Event Engine::Impl::advance(Sequence& sequence, int32_t token) {
  const StopRules& rules = sequence.request.stop;
  Event event{sequence.id, token, "", FinishReason::kNone, ""};
  sequence.pending.assign(1, token);
  sequence.counts.add(token);
  sequence.generated.push_back(token);
  const bool ended = std::find(rules.ids.begin(), rules.ids.end(), token) != rules.ids.end();
  if (ended) {
    event.finish = FinishReason::kStop;
  } else {
    event.text = sequence.matcher.push(sequence.decoder.push(token));
    // The next step would put this token at position cache.length.
    const bool full = options.context_limit > 0 && sequence.cache.length >= options.context_limit;
    if (sequence.matcher.stopped())
      event.finish = FinishReason::kStop;
    else if (static_cast<int64_t>(sequence.generated.size()) >= rules.max_new_tokens || full)
      event.finish = FinishReason::kLength;
  }
  if (event.finish == FinishReason::kNone) return event;
  if (!sequence.matcher.stopped()) {
    // The last bytes may complete a stop string that half a character was holding back.
    event.text += sequence.matcher.push(sequence.decoder.flush());
    if (sequence.matcher.stopped()) event.finish = FinishReason::kStop;
    event.text += sequence.matcher.flush();
  }
  event.answer = answer(sequence, ended);
  return event;
}

std::string Engine::Impl::answer(const Sequence& sequence, bool ended_by_token) const {
  std::span<const int32_t> ids = sequence.generated;
  std::string text = tokenizer.decode(ended_by_token ? ids.first(ids.size() - 1) : ids, {.skip_special_tokens = true});
  size_t end = text.size();
  if (sequence.matcher.stopped()) {
    for (const std::string& word : sequence.request.stop.strings) end = std::min(end, text.find(word));
  }
  return text.substr(0, end);
}

std::vector<Event> Engine::step() {
  impl_->admit();
  std::vector<Event> events;
  if (impl_->running.empty()) return events;
  const std::vector<int32_t> tokens = impl_->choose(impl_->last_logits());
  auto sequence = impl_->running.begin();
  for (const int32_t token : tokens) {
    events.push_back(impl_->advance(*sequence, token));
    sequence = events.back().finish == FinishReason::kNone ? std::next(sequence) : impl_->running.erase(sequence);
  }
  return events;
}

}  // namespace hone::generate
