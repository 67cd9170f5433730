#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "serve/api_error.h"
#include "serve/ids.h"
#include "serve/inference/answer.h"
#include "serve/inference/chat_api.h"
#include "serve/inference/logprob_json.h"
#include "serve/inference/sampling_fields.h"
#include "serve/routes.h"
#include "serve/token_ids.h"

namespace hone::serve {
namespace {

constexpr int64_t kDefaultTokens = 16, kMostLogprobs = 5;  // OpenAI's for plain completions
constexpr size_t kMostPrompts = 64;

class CompletionForm : public AnswerForm {
 public:
  /// `prefix` [prompts]: what stands before the answers to each prompt (`echo`).
  CompletionForm(std::vector<std::string> prefix, size_t per_prompt, const text::Tokenizer& tokenizer)
      : prefix_(std::move(prefix)), per_prompt_(per_prompt), tokenizer_(tokenizer) {}

  const char* object(bool) const override { return "text_completion"; }
  Json choice(size_t index, const AnswerState& state) const override {
    const std::string& prefix = prefix_[index / per_prompt_];
    Json whole = one(index, prefix + state.text, state.finish);
    if (state.logprobs) whole["logprobs"] = completion_logprobs(*state.logprobs, tokenizer_, prefix.size());
    return whole;
  }
  Json opening(size_t index) const override {
    const std::string& prefix = prefix_[index / per_prompt_];
    return prefix.empty() ? Json::array() : Json::array({one(index, prefix, nullptr)});
  }
  Json piece(size_t index, const std::string& text, const generate::TokenLogprob* logprob) const override {
    Json part = one(index, text, nullptr);
    if (logprob != nullptr) part["logprobs"] = completion_logprobs({logprob, 1}, tokenizer_, 0);
    return Json::array({std::move(part)});
  }
  Json closing(size_t index, const AnswerState& state) const override {
    return Json::array({one(index, "", state.finish)});
  }

 private:
  static Json one(size_t index, const std::string& text, Json finish) {
    return {{"index", index}, {"text", text}, {"logprobs", nullptr}, {"finish_reason", std::move(finish)}};
  }

  std::vector<std::string> prefix_;
  size_t per_prompt_;
  const text::Tokenizer& tokenizer_;
};

struct Prompts {
  std::vector<std::vector<int32_t>> ids;
  std::vector<std::string> texts;
};

/// A text, a list of texts, a list of ids, or a list of lists of ids.
Prompts read_prompts(const Fields& fields, const ModelHost& host) {
  Prompts prompts;
  const text::Tokenizer& tokenizer = host.text().tokenizer();
  const auto add_text = [&](const std::string& text) {
    refuse_hopeless(text.size(), host.context_limit());
    prompts.texts.push_back(text);
    prompts.ids.push_back(tokenizer.encode(text, {.add_special_tokens = true}));
  };
  const auto add_ids = [&](const Json& list) {
    prompts.ids.push_back(read_token_ids(list, host.config().vocab_size, "prompt"));
    prompts.texts.push_back(tokenizer.decode(prompts.ids.back()));
  };
  const Json* prompt = fields.find("prompt");
  if (prompt == nullptr) fields.missing("prompt");
  if (prompt->is_string()) {
    add_text(*prompt);
  } else if (prompt->is_array() && !prompt->empty() && prompt->front().is_number()) {
    add_ids(*prompt);
  } else if (prompt->is_array() && !prompt->empty() && prompt->size() <= kMostPrompts) {
    for (const Json& one : *prompt) {
      if (one.is_string())
        add_text(one);
      else if (one.is_array())
        add_ids(one);
      else
        refuse("Invalid type for 'prompt': expected a string or an array of strings or of tokens.", "prompt",
               "invalid_type");
    }
  } else {
    refuse(format("Invalid 'prompt': expected a string, tokens, or an array of 1 to %zu of them.", kMostPrompts),
           "prompt", "invalid_value");
  }
  for (const auto& ids : prompts.ids) {
    if (ids.empty()) refuse("Invalid 'prompt': it has no tokens.", "prompt", "empty_string");
  }
  return prompts;
}

void answer(net::Request& request, const net::Responder& responder, Traffic& traffic, ModelHost& host) {
  const Json body = parse_body(request.body);
  const Fields fields(body);
  fields.only({"model",
               "prompt",
               "best_of",
               "echo",
               "frequency_penalty",
               "logit_bias",
               "logprobs",
               "max_tokens",
               "n",
               "presence_penalty",
               "seed",
               "stop",
               "stream",
               "stream_options",
               "suffix",
               "temperature",
               "top_p",
               "user",
               "store",
               "safety_identifier"});
  if (fields.has("suffix")) {
    refuse("Unsupported parameter: 'suffix' is not supported with this model.", "suffix", "unsupported_parameter");
  }
  const Routed routed = traffic.route(body, caller_of(request));
  const std::string id = new_id("cmpl-");
  if (traffic.forward(routed, body, "/completions", id, responder)) return;
  AnswerSettings settings = read_answer_settings(fields, host.config().vocab_size);
  if (const auto logprobs = fields.integer("logprobs", 0, kMostLogprobs))
    settings.logprobs = static_cast<int>(*logprobs);
  if (!settings.max_tokens) settings.max_tokens = kDefaultTokens;
  const auto best_of = fields.integer("best_of", 0, 20);
  if (best_of && *best_of > settings.n) {
    refuse("Unsupported value: 'best_of' greater than 'n' is not supported with this model.", "best_of",
           "unsupported_value");
  }
  Prompts prompts = read_prompts(fields, host);
  refuse_too_many(prompts.ids.size() * static_cast<size_t>(settings.n), host.max_waiting());
  if (!fields.boolean("echo").value_or(false)) prompts.texts.assign(prompts.texts.size(), "");
  AnswerHead head{.id = id, .model = routed.model.name, .created = unix_now()};
  std::vector<generate::Request> requests;
  for (const std::vector<int32_t>& prompt : prompts.ids) {
    head.prompt_tokens += prompt.size();
    for (auto& one : engine_requests(settings, prompt, host.text().stop_ids(), host.context_limit())) {
      requests.push_back(std::move(one));
    }
  }
  head.answers = requests.size();
  head.stream = settings.stream;
  head.include_usage = settings.include_usage;
  head.logprobs = settings.logprobs.has_value();
  head.headers = routed.headers;
  head.trace = traffic.trace(routed, head.id, head.answers);
  auto form = std::make_unique<CompletionForm>(std::move(prompts.texts), static_cast<size_t>(settings.n),
                                               host.text().tokenizer());
  const auto writer = std::make_shared<AnswerWriter>(head, std::move(form), responder);
  writer->start(host, std::move(requests), routed.model.adapter);
}

}  // namespace

void add_completions_api(net::Server& server, Traffic& traffic, ModelHost& host) {
  add_waiting_route(server, "/v1/completions", Role::kUse, [&](net::Request& request, const net::Responder& responder) {
    answer(request, responder, traffic, host);
  });
}

}  // namespace hone::serve
