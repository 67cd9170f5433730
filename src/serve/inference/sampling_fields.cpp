#include "serve/inference/sampling_fields.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/strings.h"
#include "serve/api_error.h"
#include "serve/ids.h"

namespace hone::serve {
namespace {

constexpr int64_t kMostAnswers = 128, kLargest = int64_t{1} << 31;
constexpr size_t kMostStops = 4, kLongestStop = 1000, kMostBiases = 1024;

std::vector<std::string> read_stop(const Fields& fields) {
  const Json* stop = fields.find("stop");
  if (stop == nullptr) return {};
  std::vector<std::string> words;
  if (stop->is_string()) words.push_back(*stop);
  const Json* list = stop->is_string() ? nullptr : fields.array("stop");
  if (list != nullptr) {
    if (list->size() > kMostStops) {
      refuse(format("Invalid 'stop': array too long. Expected an array with maximum length %zu, but got an array with "
                    "length %zu instead.",
                    kMostStops, list->size()),
             "stop", "array_above_max_length");
    }
    for (const Json& word : *list) {
      if (!word.is_string()) refuse("Invalid type for 'stop': expected an array of strings.", "stop", "invalid_type");
      words.push_back(word);
    }
  }
  for (const std::string& word : words) {
    if (word.empty() || word.size() > kLongestStop) {
      refuse(format("Invalid 'stop': a stop sequence has 1 to %zu bytes.", kLongestStop), "stop", "invalid_value");
    }
  }
  return words;
}

/// {"id": bias}
std::vector<std::pair<int32_t, double>> read_biases(const Fields& fields, int64_t vocabulary) {
  const Json* given = fields.object("logit_bias");
  std::vector<std::pair<int32_t, double>> biases;
  if (given == nullptr) return biases;
  if (given->size() > kMostBiases) {
    refuse(format("Invalid 'logit_bias': it names more than %zu tokens.", kMostBiases), "logit_bias", "invalid_value");
  }
  const Fields pairs(*given, "logit_bias");
  for (const auto& [key, value] : given->items()) {
    int32_t id = -1;
    const auto [end, fault] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (fault != std::errc() || end != key.data() + key.size() || id < 0 || id >= vocabulary) {
      refuse("Invalid key in 'logit_bias': " + excerpt(key, 40) +
                 ". You should only be submitting non-negative integers, "
                 "as these are meant to be token ids of this model's tokenizer.",
             "logit_bias", "invalid_value");
    }
    if (const auto bias = pairs.number(key, -100, 100)) biases.emplace_back(id, *bias);
  }
  return biases;
}

bool read_include_usage(const Fields& fields, bool stream) {
  const Json* options = fields.object("stream_options");
  if (options == nullptr) return false;
  if (!stream) {
    refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options",
           "invalid_value");
  }
  const Fields inside(*options, "stream_options");
  return inside.boolean("include_usage").value_or(false);
}

}  // namespace

AnswerSettings read_answer_settings(const Fields& fields, int64_t vocabulary) {
  AnswerSettings settings;
  settings.sampling.temperature = fields.number("temperature", 0, 2).value_or(1);
  settings.sampling.top_p = fields.number("top_p", 0, 1).value_or(1);
  settings.sampling.frequency_penalty = fields.number("frequency_penalty", -2, 2).value_or(0);
  settings.sampling.presence_penalty = fields.number("presence_penalty", -2, 2).value_or(0);
  // A nucleus of no mass is the most likely token.
  if (settings.sampling.top_p == 0) settings.sampling.top_p = 1, settings.sampling.temperature = 0;
  settings.sampling.logit_bias = read_biases(fields, vocabulary);
  settings.stop = read_stop(fields);
  settings.n = fields.integer("n", 1, kMostAnswers).value_or(1);
  settings.max_tokens = fields.integer("max_completion_tokens", 1, kLargest);
  if (!settings.max_tokens) settings.max_tokens = fields.integer("max_tokens", 1, kLargest);
  settings.stream = fields.boolean("stream").value_or(false);
  settings.include_usage = read_include_usage(fields, settings.stream);
  const auto seed = fields.integer("seed", std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max());
  settings.seed = seed ? static_cast<uint64_t>(*seed) : hash64(random_letters(24));
  return settings;
}

void refuse_hopeless(size_t bytes, int64_t context_limit) {
  constexpr int64_t kLongestToken = 128;  // bytes: runs of blanks reach it, words do not come near
  if (context_limit <= 0 || static_cast<int64_t>(bytes) <= kLongestToken * context_limit) return;
  refuse(
      format("This model's maximum context length is %ld tokens. However, your messages have %zu bytes, far more than "
             "so many tokens hold. Please reduce the length of the messages.",
             context_limit, bytes),
      "messages", "context_length_exceeded");
}

void refuse_too_many(size_t answers, size_t max_waiting) {
  if (answers <= max_waiting) return;
  refuse(format("Invalid 'n': this request asks for %zu answers; this server takes at most %zu at once.", answers,
                max_waiting),
         "n", "invalid_value");
}

std::vector<generate::Request> engine_requests(const AnswerSettings& settings, const std::vector<int32_t>& prompt,
                                               const std::vector<int32_t>& stop_ids, int64_t context_limit) {
  const auto length = static_cast<int64_t>(prompt.size());
  if (context_limit > 0 && length >= context_limit) {
    refuse(format("This model's maximum context length is %ld tokens. However, your messages resulted in %ld tokens. "
                  "Please reduce the length of the messages.",
                  context_limit, length),
           "messages", "context_length_exceeded");
  }
  const int64_t room = context_limit > 0 ? context_limit - length : kLargest;
  std::vector<generate::Request> requests;
  for (int64_t i = 0; i < settings.n; ++i) {
    generate::Request request;
    request.prompt = prompt;
    request.sampling = settings.sampling;
    request.stop.ids = stop_ids;
    request.stop.strings = settings.stop;
    request.stop.max_new_tokens = std::min(settings.max_tokens.value_or(room), room);
    request.seed = settings.seed;
    request.stream = static_cast<uint64_t>(i);
    request.logprobs = settings.logprobs;
    requests.push_back(std::move(request));
  }
  return requests;
}

}  // namespace hone::serve
