#include "serve/inference/chat_api.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "serve/api_error.h"
#include "serve/ids.h"
#include "serve/inference/answer.h"
#include "serve/inference/chat_request.h"
#include "serve/inference/logprob_json.h"
#include "serve/inference/tool_calls.h"
#include "serve/routes.h"

namespace hone::serve {
namespace {

class ChatForm : public AnswerForm {
 public:
  ChatForm(bool tools, const text::Tokenizer& tokenizer) : tools_(tools), tokenizer_(tokenizer) {}

  const char* object(bool streamed) const override { return streamed ? "chat.completion.chunk" : "chat.completion"; }
  bool whole_only() const override { return tools_; }

  Json choice(size_t index, const AnswerState& state) const override {
    const ParsedAnswer answer = parsed(state);
    Json message = {{"role", "assistant"}, {"content", answer.text}, {"refusal", nullptr}};
    if (!answer.calls.empty()) {
      if (answer.text.empty()) message["content"] = nullptr;
      message["tool_calls"] = calls_json(answer.calls, /*numbered=*/false);
    }
    Json logprobs;
    if (state.logprobs) logprobs = chat_logprobs(*state.logprobs, tokenizer_);
    return {{"index", index},
            {"message", std::move(message)},
            {"logprobs", std::move(logprobs)},
            {"finish_reason", finish(state, answer)}};
  }
  Json opening(size_t index) const override {
    return Json::array({delta(index, {{"role", "assistant"}, {"content", ""}, {"refusal", nullptr}}, nullptr)});
  }
  Json piece(size_t index, const std::string& text, const generate::TokenLogprob* logprob) const override {
    Json choice = delta(index, {{"content", text}}, nullptr);
    if (logprob != nullptr) choice["logprobs"] = chat_logprobs({logprob, 1}, tokenizer_);
    return Json::array({std::move(choice)});
  }
  Json closing(size_t index, const AnswerState& state) const override {
    const ParsedAnswer answer = parsed(state);
    Json chunks = Json::array();
    Json last = Json::object();
    if (tools_ && !answer.text.empty()) last["content"] = answer.text;
    if (!answer.calls.empty()) last["tool_calls"] = calls_json(answer.calls, /*numbered=*/true);
    chunks.push_back(delta(index, std::move(last), finish(state, answer)));
    return chunks;
  }

 private:
  ParsedAnswer parsed(const AnswerState& state) const {
    return tools_ ? parse_tool_calls(state.text) : ParsedAnswer{state.text, {}};
  }
  static Json finish(const AnswerState& state, const ParsedAnswer& answer) {
    return answer.calls.empty() ? state.finish : "tool_calls";
  }
  static Json delta(size_t index, Json content, Json finish) {
    return {
        {"index", index}, {"delta", std::move(content)}, {"logprobs", nullptr}, {"finish_reason", std::move(finish)}};
  }
  static Json calls_json(const std::vector<ToolCall>& calls, bool numbered) {
    Json list = Json::array();
    for (const ToolCall& call : calls) {
      Json one = {{"id", new_id("call_")},
                  {"type", "function"},
                  {"function", {{"name", call.name}, {"arguments", call.arguments}}}};
      if (numbered) one["index"] = list.size();
      list.push_back(std::move(one));
    }
    return list;
  }

  bool tools_;
  const text::Tokenizer& tokenizer_;
};

/// Renders with the template that the adapter was trained with, if it brought one.
std::vector<int32_t> prompt_of(ModelHost& host, const data::Example& conversation) {
  if (host.text().chat_template().empty()) {
    refuse("This model has no chat template, so it cannot hold a conversation. Use /v1/completions.", "model",
           "unsupported_model");
  }
  size_t bytes = conversation.tools_json.size();
  for (const data::Message& turn : conversation.messages) bytes += turn.content.size() + turn.extra_json.size();
  refuse_hopeless(bytes, host.context_limit());
  try {
    return host.encoder().encode_prompt(conversation);
  } catch (const Error& error) {
    refuse("Invalid 'messages': " + error.message() + ".", "messages", "invalid_value");
  }
}

void answer(net::Request& request, const net::Responder& responder, Traffic& traffic, ModelHost& host) {
  const Json body = parse_body(request.body);
  const Routed routed = traffic.route(body, caller_of(request));
  const std::string id = new_id("chatcmpl-");
  if (traffic.forward(routed, body, "/chat/completions", id, responder)) return;
  ChatRequest asked = read_chat_request(body, host.config().vocab_size);
  refuse_too_many(static_cast<size_t>(asked.answers.n), host.max_waiting());
  const std::vector<int32_t> prompt = prompt_of(host, asked.conversation);
  std::vector<generate::Request> requests =
      engine_requests(asked.answers, prompt, host.text().stop_ids(), host.context_limit());
  if (asked.grammar) {
    for (generate::Request& one : requests) {
      one.constraint = generate::make_constraint(asked.grammar, host.tokens(), host.text().stop_ids());
    }
  }
  AnswerHead head{.id = id,
                  .model = routed.model.name,
                  .created = unix_now(),
                  .prompt_tokens = prompt.size(),
                  .answers = requests.size(),
                  .stream = asked.answers.stream,
                  .include_usage = asked.answers.include_usage,
                  .logprobs = asked.answers.logprobs.has_value(),
                  .headers = routed.headers};
  head.trace = traffic.trace(routed, head.id, head.answers);
  const auto writer =
      std::make_shared<AnswerWriter>(head, std::make_unique<ChatForm>(asked.tools, host.text().tokenizer()), responder);
  writer->start(host, std::move(requests), routed.model.adapter);
}

}  // namespace

void add_chat_api(net::Server& server, Traffic& traffic, ModelHost& host) {
  add_waiting_route(
      server, "/v1/chat/completions", Role::kUse,
      [&](net::Request& request, const net::Responder& responder) { answer(request, responder, traffic, host); });
}

}  // namespace hone::serve
