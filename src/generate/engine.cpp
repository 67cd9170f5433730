#include "generate/engine.h"

#include <ATen/ops/max.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <list>
#include <map>

#include "base/strings.h"
#include "generate/feed.h"
#include "generate/sequence.h"

namespace hone::generate {
namespace {

/// What a step chose for a sequence, or why it could not.
struct Choice {
  int32_t token = -1;
  std::optional<Error> error;
};

void check_ids(const Request& request, int64_t vocabulary) {
  for (const int32_t id : request.prompt) {
    if (id >= 0 && id < vocabulary) continue;
    fail_input("prompt", format("holds token id %d, but the model knows ids below %ld", id, vocabulary),
               "the tokenizer belongs to another model");
  }
  for (const auto& [id, bias] : request.sampling.logit_bias) {
    if (id < vocabulary) continue;
    fail_input("logit_bias", format("names token %d, but the model knows ids below %ld", id, vocabulary));
  }
}

}  // namespace

const char* finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kNone: return "";
    case FinishReason::kStop: return "stop";
    case FinishReason::kLength: return "length";
    case FinishReason::kError: return "error";
  }
  return "";
}

struct Engine::Impl {
  Impl(model::Decoder& model, const text::Tokenizer& text_side, EngineOptions chosen)
      : decoder(model), tokenizer(text_side), options(chosen), linears(model.linears().size()) {}

  void admit();
  void prefill();
  const Sequence* source_of(const Sequence& sequence) const;
  /// Those whose prompt is in, those of one adapter together.
  std::vector<Sequence*> ready();
  std::vector<Choice> choose(const std::vector<Sequence*>& sequences, Tensor logits) const;
  Event advance(Sequence& sequence, const Choice& choice) const;

  model::Decoder& decoder;
  const text::Tokenizer& tokenizer;
  EngineOptions options;
  size_t linears;
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
  if (options.prefill_chunk < 1) fail_input("prefill_chunk", "is below 1, so no prompt could be read");
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
  const int64_t limit = impl_->options.context_limit;
  if (request.prompt.empty()) {
    fail_input("prompt", "gives no token, so there is nothing to continue",
               "write some text; this tokenizer adds no BOS token");
  }
  check_ids(request, impl_->decoder.config().vocab_size);
  if (request.stop.max_new_tokens < 1) {
    fail_input("max_new_tokens", format("is %ld, expected 1 or more", request.stop.max_new_tokens));
  }
  if (limit > 0 && static_cast<int64_t>(request.prompt.size()) >= limit) {
    fail_input("prompt", format("has %zu tokens, the context ends at %ld", request.prompt.size(), limit), "shorten it");
  }
  if (request.logprobs && (*request.logprobs < 0 || *request.logprobs > kMostLogprobs)) {
    fail_input("logprobs", format("is %d, expected a number from 0 to %d", *request.logprobs, kMostLogprobs));
  }
  if (request.adapter && request.adapter->updates.size() != impl_->linears) {
    fail_input("adapter", "was made for another model");
  }
  impl_->waiting.emplace_back(impl_->next_id, std::move(request), impl_->tokenizer);
  return impl_->next_id++;
}

bool Engine::cancel(uint64_t id) {
  const auto is_it = [id](const Sequence& sequence) { return sequence.id == id; };
  return impl_->waiting.remove_if(is_it) + impl_->running.remove_if(is_it) > 0;
}

void Engine::Impl::admit() {
  while (!waiting.empty() && running.size() < options.max_running) {
    running.splice(running.end(), waiting, waiting.begin());
  }
}

/// The running request whose work on the prompt this one may take.
const Sequence* Engine::Impl::source_of(const Sequence& sequence) const {
  const Request& asked = sequence.request;
  for (const Sequence& other : running) {
    if (other.id != asked.shares_prompt_with || other.id == sequence.id) continue;
    const bool scored =
        !asked.prompt_logprobs || (other.request.prompt_logprobs && other.request.logprobs == asked.logprobs);
    const bool same = other.request.prompt == asked.prompt && other.request.adapter == asked.adapter;
    return same && scored ? &other : nullptr;
  }
  return nullptr;
}

/// In turns of one chunk each, so that a long prompt does not hold up the short ones behind it.
void Engine::Impl::prefill() {
  int64_t used = 0;
  for (bool more = true; more;) {
    more = false;
    for (Sequence& sequence : running) {
      if (sequence.prefilled()) continue;
      if (const Sequence* source = sequence.fed == 0 ? source_of(sequence) : nullptr) {
        if (source->prefilled()) share_prompt(decoder, *source, sequence);
        continue;
      }
      const auto rest = static_cast<int64_t>(sequence.request.prompt.size() - sequence.fed);
      const int64_t count = std::min(options.prefill_chunk, rest);
      if (used > 0 && used + count > options.max_prefill) return;
      feed_prompt(decoder, sequence, static_cast<size_t>(count));
      used += count;
      more = true;
    }
  }
}

std::vector<Sequence*> Engine::Impl::ready() {
  std::vector<Sequence*> sequences;
  for (Sequence& sequence : running) {
    if (sequence.prefilled()) sequences.push_back(&sequence);
  }
  std::stable_sort(sequences.begin(), sequences.end(), [](const Sequence* a, const Sequence* b) {
    return std::less<>()(a->request.adapter.get(), b->request.adapter.get());
  });
  return sequences;
}

std::vector<Choice> Engine::Impl::choose(const std::vector<Sequence*>& sequences, Tensor logits) const {
  std::vector<Choice> choices(sequences.size());
  const bool plain = std::all_of(sequences.begin(), sequences.end(), [](const Sequence* s) { return s->plain(); });
  Tensor largest, ids;
  if (plain) {  // the logits stay where they are; max() gives NaN if there is one, and the first of equals
    auto [values, indices] = at::max(logits, 1);
    largest = values.cpu(), ids = indices.cpu();
  } else {
    logits = logits.cpu().contiguous();
  }
  const int64_t width = logits.size(1);
  for (size_t i = 0; i < sequences.size(); ++i) {
    try {
      if (!plain) {
        float* row = logits.mutable_data_ptr<float>() + static_cast<int64_t>(i) * width;
        choices[i].token = sequences[i]->choose({row, static_cast<size_t>(width)});
        continue;
      }
      if (!std::isfinite(largest.const_data_ptr<float>()[i])) fail_not_a_number();
      choices[i].token = static_cast<int32_t>(ids.const_data_ptr<int64_t>()[i]);
    } catch (const Error& error) {
      choices[i].error = error;
    }
  }
  return choices;
}

Event Engine::Impl::advance(Sequence& sequence, const Choice& choice) const {
  std::optional<Error> error = choice.error;
  try {
    // The next step would put this token at position cache.length.
    const bool full = options.context_limit > 0 && sequence.cache.length >= options.context_limit;
    if (!error) return sequence.advance(choice.token, full, tokenizer);
  } catch (const Error& fault) {  // of its constraint
    error = fault;
  }
  return {.id = sequence.id, .token = -1, .finish = FinishReason::kError, .error = error};
}

std::vector<Event> Engine::step() {
  impl_->admit();
  impl_->prefill();
  std::vector<Event> events;
  const std::vector<Sequence*> ready = impl_->ready();
  if (ready.empty()) return events;
  const std::vector<Choice> choices = impl_->choose(ready, next_logits(impl_->decoder, ready));
  std::map<uint64_t, const Choice*> chosen;
  for (size_t i = 0; i < ready.size(); ++i) chosen[ready[i]->id] = &choices[i];
  for (auto sequence = impl_->running.begin(); sequence != impl_->running.end();) {
    const auto found = chosen.find(sequence->id);
    if (found == chosen.end()) {
      ++sequence;
      continue;
    }
    events.push_back(impl_->advance(*sequence, *found->second));
    sequence = events.back().finish == FinishReason::kNone ? std::next(sequence) : impl_->running.erase(sequence);
  }
  return events;
}

}  // namespace hone::generate
