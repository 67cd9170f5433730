#include "serve/feedback/dataset_row.h"

#include "data/utf8.h"

namespace hone::serve {
namespace {

/// The prompt of one choice: requests for plain completions may have several, with `n` answers each.
Json text_prompt(const Json& asked, int64_t choice) {
  const Json& prompt = asked.at("prompt");
  if (prompt.is_string()) return prompt;
  const int64_t each = asked.contains("n") ? asked["n"].get<int64_t>() : 1;
  const auto index = static_cast<size_t>(choice / each);
  return index < prompt.size() && prompt[index].is_string() ? prompt[index] : Json(nullptr);
}

Json as_message(const Json& answer) {
  Json message = {{"role", "assistant"}};
  for (const char* key : {"content", "tool_calls"}) {
    if (const auto found = answer.find(key); found != answer.end()) message[key] = *found;
  }
  return message;
}

void add_tools(const KeptAnswer& kept, Json& to) {
  if (kept.prompt.contains("tools")) to["tools"] = kept.prompt["tools"];
}

}  // namespace

std::optional<KeptAnswer> kept_answer(const std::string& prompt, const std::string& answers, int64_t choice) {
  const Json asked = parse_json(prompt, "prompt"), given = parse_json(answers, "answers");
  if (choice < 0 || choice >= static_cast<int64_t>(given.size())) return std::nullopt;
  const Json& answer = given[static_cast<size_t>(choice)];
  if (asked.contains("messages")) {
    // Another service may have taken what this one would have refused.
    if (!asked["messages"].is_array() || !answer.is_object()) return std::nullopt;
    Json chat = {{"messages", asked["messages"]}};
    for (const char* key : {"functions", "tools"}) {
      if (asked.contains(key)) chat["tools"] = asked[key];
    }
    return KeptAnswer{std::move(chat), as_message(answer)};
  }
  Json text = asked.contains("prompt") ? text_prompt(asked, choice) : Json(nullptr);
  if (!text.is_string() || !answer.is_string()) return std::nullopt;
  return KeptAnswer{std::move(text), answer};
}

bool is_empty(const Json& answer) {
  if (answer.is_object() && answer.contains("tool_calls")) return false;
  const Json content = answer.is_object() ? answer.value("content", Json(nullptr)) : answer;
  return !content.is_string() || data::is_blank(content.get_ref<const std::string&>());
}

Json corrected(const KeptAnswer& kept, const std::string& text) {
  return kept.chat() ? Json{{"role", "assistant"}, {"content", text}} : Json(text);
}

Json sft_row(const KeptAnswer& kept, const Json& answer) {
  if (!kept.chat()) return {{"prompt", kept.prompt}, {"completion", answer}};
  Json row = {{"messages", kept.prompt["messages"]}};
  for (Json& message : row["messages"]) {
    // What the model said earlier was not what somebody liked.
    if (message.is_object() && message.value("role", "") == "assistant") message["weight"] = 0;
  }
  row["messages"].push_back(answer);
  add_tools(kept, row);
  return row;
}

Json dpo_row(const KeptAnswer& kept, const Json& better, const Json& worse) {
  if (!kept.chat()) return {{"prompt", kept.prompt}, {"chosen", better}, {"rejected", worse}};
  Json row = {{"input", {{"messages", kept.prompt["messages"]}}},
              {"preferred_output", Json::array({better})},
              {"non_preferred_output", Json::array({worse})}};
  add_tools(kept, row["input"]);
  return row;
}

Json kto_row(const KeptAnswer& kept, bool label) {
  if (!kept.chat()) return {{"prompt", kept.prompt}, {"completion", kept.answer}, {"label", label}};
  Json row = {{"prompt", kept.prompt["messages"]}, {"completion", Json::array({kept.answer})}, {"label", label}};
  add_tools(kept, row);
  return row;
}

}  // namespace hone::serve
