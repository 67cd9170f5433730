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
  /// `form`: of the template, where the answer is held to it.
  ChatForm(const ToolUse& tools, const CallForm* form, const text::Tokenizer& tokenizer)
      : tools_(tools), form_(form), tokenizer_(tokenizer) {}

  const char* object(bool streamed) const override { return streamed ? "chat.completion.chunk" : "chat.completion"; }
  bool whole_only() const override { return may_call(); }

  Json choice(size_t index, const AnswerState& state) const override {
    const ParsedAnswer answer = parsed(state);
    Json message = {{"role", "assistant"}, {"content", answer.text}, {"refusal", nullptr}};
    if (!answer.calls.empty()) {
      if (answer.text.empty()) message["content"] = nullptr;
      add_calls(answer.calls, /*numbered=*/false, message);
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
    if (may_call() && !answer.text.empty()) last["content"] = answer.text;
    if (!answer.calls.empty()) add_calls(answer.calls, /*numbered=*/true, last);
    chunks.push_back(delta(index, std::move(last), finish(state, answer)));
    return chunks;
  }

 private:
  bool may_call() const { return tools_.choice != ToolUse::Choice::kNone; }

  ParsedAnswer parsed(const AnswerState& state) const {
    if (!may_call()) return {state.text, {}};
    // What opens a call that must come stands in the prompt.
    const std::string text = tools_.forced() && form_ != nullptr ? form_->opening + state.text : state.text;
    ParsedAnswer answer = parse_tool_calls(text);
    if (form_ == nullptr || !answer.calls.empty() || state.finish != "length") return answer;
    if (const auto call = cut_off_call(text, *form_)) return {"", {*call}};
    return tools_.forced() ? ParsedAnswer{} : answer;
  }

  /// As at OpenAI: "stop" where the client named the function, and "length" of a call that may lack its end.
  Json finish(const AnswerState& state, const ParsedAnswer& answer) const {
    if (answer.calls.empty() || state.finish == "length" || tools_.choice == ToolUse::Choice::kNamed)
      return state.finish;
    return tools_.legacy ? "function_call" : "tool_calls";
  }

  void add_calls(const std::vector<ToolCall>& calls, bool numbered, Json& message) const {
    if (tools_.legacy) {
      message["function_call"] = {{"name", calls.front().name}, {"arguments", calls.front().arguments}};
    } else {
      message["tool_calls"] = calls_json(calls, numbered);
    }
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

  ToolUse tools_;
  const CallForm* form_;
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

/// What holds the answers to the functions' schemas, and the form of the calls. An answer that must call begins
/// behind what opens a call, which `prompt` gets at its end.
std::shared_ptr<const generate::JsonGrammar> grammar_of_calls(const ToolUse& tools, const CallForm* form,
                                                              ModelHost& host, std::vector<int32_t>& prompt) {
  if (form == nullptr) {
    refuse(
        "The chat template of this model teaches no form of calls that is known here, so calls can be neither required "
        "nor held to their schemas. Use 'tool_choice': 'auto' without 'strict', or a model with another template.",
        "tool_choice", "unsupported_value");
  }
  generate::CallFrame frame = form->frame;
  if (!tools.parallel) frame.most = 1;
  try {
    auto grammar = generate::compile_tool_calls(tools.callable, frame);
    if (tools.forced()) {
      const auto opening = host.text().tokenizer().encode(form->opening, {.add_special_tokens = false});
      prompt.insert(prompt.end(), opening.begin(), opening.end());
    }
    return grammar;
  } catch (const Error& error) {
    refuse(error.message(), tools.legacy ? "functions" : "tools", "invalid_function_parameters");
  }
}

std::unique_ptr<generate::Constraint> constraint_of(const ToolUse& tools, const CallForm& form,
                                                    const std::shared_ptr<const generate::JsonGrammar>& grammar,
                                                    ModelHost& host) {
  const std::vector<int32_t>& stop_ids = host.text().stop_ids();
  if (tools.forced()) return generate::make_constraint(grammar, host.tokens(), stop_ids);
  const generate::CallMark mark = {form.opening, host.text().tokenizer().token_to_id(form.opening)};
  return generate::make_calls_once_opened(grammar, host.tokens(), mark, stop_ids);
}

void answer(net::Request& request, const net::Responder& responder, Traffic& traffic, ModelHost& host) {
  const Json body = parse_body(request.body);
  const Routed routed = traffic.route(body, caller_of(request));
  const std::string id = new_id("chatcmpl-");
  if (traffic.forward(routed, body, "/chat/completions", id, responder)) return;
  ChatRequest asked = read_chat_request(body, host.config().vocab_size);
  refuse_too_many(static_cast<size_t>(asked.answers.n), host.max_waiting());
  std::vector<int32_t> prompt = prompt_of(host, asked.conversation);
  const CallForm* form = asked.tools.constrained ? call_form_of(host.text().chat_template()) : nullptr;
  std::shared_ptr<const generate::JsonGrammar> calls;
  if (asked.tools.constrained) calls = grammar_of_calls(asked.tools, form, host, prompt);
  std::vector<generate::Request> requests =
      engine_requests(asked.answers, prompt, host.text().stop_ids(), host.context_limit());
  for (generate::Request& one : requests) {
    if (calls) {
      one.constraint = constraint_of(asked.tools, *form, calls, host);
    } else if (asked.grammar) {
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
  const auto writer = std::make_shared<AnswerWriter>(
      head, std::make_unique<ChatForm>(asked.tools, form, host.text().tokenizer()), responder);
  writer->start(host, std::move(requests), routed.model.adapter);
}

}  // namespace

void add_chat_api(net::Server& server, Traffic& traffic, ModelHost& host) {
  add_waiting_route(
      server, "/v1/chat/completions", Role::kUse,
      [&](net::Request& request, const net::Responder& responder) { answer(request, responder, traffic, host); });
}

}  // namespace hone::serve
