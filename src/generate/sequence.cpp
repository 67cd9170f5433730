#include "generate/sequence.h"

#include <algorithm>
#include <limits>

namespace hone::generate {
namespace {

constexpr float kRuledOut = -std::numeric_limits<float>::infinity();

}  // namespace

Sequence::Sequence(uint64_t number, Request asked, const text::Tokenizer& tokenizer)
    : id(number),
      request(std::move(asked)),
      sampler(request.sampling),
      counts(request.prompt),
      random(request.seed, request.stream),
      decoder(tokenizer),
      matcher(request.stop.strings) {}

bool Sequence::plain() const {
  return sampler.plain_greedy() && !request.logprobs && request.constraint == nullptr;
}

bool Sequence::is_stop(int32_t token) const {
  const auto& ids = request.stop.ids;
  return std::find(ids.begin(), ids.end(), token) != ids.end();
}

void Sequence::constrain(std::span<float> logits) {
  Constraint& constraint = *request.constraint;
  std::vector<std::pair<size_t, float>> stops;  // the constraint knows nothing of them
  for (const int32_t stop : request.stop.ids) {
    const auto at = static_cast<size_t>(stop);
    if (stop >= 0 && at < logits.size()) stops.emplace_back(at, logits[at]);
  }
  if (constraint.finished())
    std::fill(logits.begin(), logits.end(), kRuledOut);
  else
    constraint.mask(logits);
  const bool may_end = constraint.finished() || constraint.may_end();
  for (const auto& [at, score] : stops) logits[at] = may_end ? score : kRuledOut;
}

int32_t Sequence::choose(std::span<float> logits) {
  std::vector<float> raw;
  if (request.logprobs) raw.assign(logits.begin(), logits.end());
  if (request.constraint) constrain(logits);
  const int32_t token = sampler.choose(logits, counts, random);
  if (request.logprobs) logprob = token_logprob(raw, token, *request.logprobs);
  return token;
}

Event Sequence::advance(int32_t token, bool full, const text::Tokenizer& tokenizer) {
  const StopRules& rules = request.stop;
  Event event{.id = id, .token = token};
  if (generated.empty()) event.prompt_logprobs = prompt_logprobs;
  event.logprob = std::move(logprob);
  logprob.reset();
  counts.add(token);
  generated.push_back(token);
  if (is_stop(token)) {
    event.finish = FinishReason::kStop;
  } else {
    if (request.constraint) request.constraint->accept(token);
    event.text = matcher.push(decoder.push(token));
    const bool nothing_may_follow = request.constraint && rules.ids.empty() && request.constraint->finished();
    if (matcher.stopped() || nothing_may_follow)
      event.finish = FinishReason::kStop;
    else if (static_cast<int64_t>(generated.size()) >= rules.max_new_tokens || full)
      event.finish = FinishReason::kLength;
  }
  if (event.finish == FinishReason::kNone) return event;
  if (!matcher.stopped()) {
    // The last bytes may complete a stop string that half a character was holding back.
    event.text += matcher.push(decoder.flush());
    if (matcher.stopped()) event.finish = FinishReason::kStop;
    event.text += matcher.flush();
  }
  event.answer = answer(tokenizer);
  return event;
}

std::string Sequence::answer(const text::Tokenizer& tokenizer) const {
  std::span<const int32_t> ids = generated;
  if (is_stop(ids.back())) ids = ids.first(ids.size() - 1);
  const std::string text = tokenizer.decode(ids, {.skip_special_tokens = true});
  size_t end = text.size();
  if (matcher.stopped()) {
    for (const std::string& word : request.stop.strings) end = std::min(end, text.find(word));
  }
  return text.substr(0, end);
}

}  // namespace hone::generate
