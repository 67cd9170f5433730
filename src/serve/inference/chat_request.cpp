#include "serve/inference/chat_request.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/strings.h"
#include "data/prompts.h"
#include "serve/api_error.h"

namespace hone::serve {
namespace {

/// Arguments that ask for another kind of model or service. Values that ask for nothing are let through.
void refuse_unsupported(const Fields& fields) {
  for (const char* name : {"audio", "web_search_options", "prediction", "moderation"}) {
    if (fields.has(name)) {
      refuse("Unsupported parameter: '" + std::string(name) + "' is not supported with this model.", name,
             "unsupported_parameter");
    }
  }
  if (const Json* modalities = fields.array("modalities");
      modalities != nullptr && *modalities != Json::array({"text"})) {
    refuse("Unsupported value: 'modalities' does not support anything but [\"text\"] with this model.", "modalities",
           "unsupported_value");
  }
}

data::Example read_conversation(const Fields& fields, const ToolUse& tools) {
  const Json* messages = fields.array("messages");
  if (messages == nullptr) fields.missing("messages");
  if (messages->empty()) {
    refuse("Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
           "messages", "empty_array");
  }
  Json prompt = {{"messages", *messages}};
  if (tools.choice != ToolUse::Choice::kNone) prompt["tools"] = *fields.array(tools.legacy ? "functions" : "tools");
  try {
    return *data::PromptReader(to_line(prompt), "messages").next();
  } catch (const Error& error) {
    // "messages:1: messages[0].role" names a line that the client did not write.
    const size_t place = error.place().rfind(": ");
    const std::string param = place == std::string::npos ? "messages" : error.place().substr(place + 2);
    refuse("Invalid '" + param + "': " + error.message() + ".", param, "invalid_value");
  }
}

std::shared_ptr<const generate::JsonGrammar> read_format(const Fields& fields) {
  const Json* format = fields.object("response_format");
  if (format == nullptr) return nullptr;
  const Fields inside(*format, "response_format");
  const auto type = inside.choice("type", {"text", "json_object", "json_schema"});
  if (!type) inside.missing("type");
  if (*type == "text") return nullptr;
  try {
    if (*type == "json_object") return generate::compile_json_object();
    const Json* given = inside.object("json_schema");
    if (given == nullptr) inside.missing("json_schema");
    const Fields named(*given, "response_format.json_schema");
    named.only({"name", "description", "schema", "strict"});
    const Json* schema = named.object("schema");
    return generate::compile_json_schema(schema != nullptr ? *schema : Json::object(),
                                         named.boolean("strict").value_or(false), named.text("name", 1, 64));
  } catch (const Error& error) {
    refuse(error.message(), "response_format", "invalid_value");
  }
}

std::optional<int> read_logprobs(const Fields& fields) {
  const bool wanted = fields.boolean("logprobs").value_or(false);
  const auto top = fields.integer("top_logprobs", 0, generate::kMostLogprobs);
  if (top && !wanted) {
    refuse("Invalid value for 'top_logprobs': 'logprobs' must be set to true when 'top_logprobs' is used.",
           "top_logprobs", "invalid_value");
  }
  return wanted ? std::optional(static_cast<int>(top.value_or(0))) : std::nullopt;
}

}  // namespace

ChatRequest read_chat_request(const Json& body, int64_t vocabulary) {
  const Fields fields(body);
  fields.only({"model",
               "messages",
               "temperature",
               "top_p",
               "n",
               "stream",
               "stream_options",
               "stop",
               "max_tokens",
               "max_completion_tokens",
               "presence_penalty",
               "frequency_penalty",
               "logit_bias",
               "logprobs",
               "top_logprobs",
               "user",
               "seed",
               "tools",
               "tool_choice",
               "parallel_tool_calls",
               "functions",
               "function_call",
               "response_format",
               "metadata",
               "store",
               "service_tier",
               "modalities",
               "verbosity",
               "reasoning_effort",
               "audio",
               "web_search_options",
               "prediction",
               "moderation",
               "safety_identifier",
               "prompt_cache_key",
               "prompt_cache_retention",
               "prompt_cache_options"});
  refuse_unsupported(fields);
  ChatRequest request;
  request.model = fields.text("model", 1);
  request.answers = read_answer_settings(fields, vocabulary);
  request.answers.logprobs = read_logprobs(fields);
  request.grammar = read_format(fields);
  request.tools = read_tool_use(fields);
  request.conversation = read_conversation(fields, request.tools);
  return request;
}

}  // namespace hone::serve
