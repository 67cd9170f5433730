#include "text/chat_turns.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace hone::text {
namespace {

// Stands in for an answer to find where the template ends it. Plain letters: nothing trims or escapes them.
constexpr const char* kMarker = "HoneMarksTheEndOfThisAnswer";

/// OpenAI writes a call's arguments as a string holding JSON, templates expect the object itself.
void open_arguments(Json& message) {
  if (!message.contains("tool_calls") || !message["tool_calls"].is_array()) return;
  for (Json& call : message["tool_calls"]) {
    if (!call.is_object() || !call.contains("function") || !call["function"].is_object()) continue;
    Json& function = call["function"];
    if (!function.contains("arguments") || !function["arguments"].is_string()) continue;
    Json opened = Json::parse(function["arguments"].get<std::string>(), nullptr, /*allow_exceptions=*/false);
    if (opened.is_object()) function["arguments"] = std::move(opened);
  }
}

Json to_json(const data::Message& turn, const std::string& place) {
  Json message = {{"role", turn.role}, {"content", turn.content}};
  if (!turn.extra_json.empty()) {
    message.update(parse_json(turn.extra_json, place));
    open_arguments(message);
  }
  return message;
}

}  // namespace

std::string place_of(const data::Example& example) {
  if (example.origin.line == 0) return example.origin.file;
  return example.origin.file + ":" + std::to_string(example.origin.line);
}

void fail_turn(const data::Example& example, size_t turn, const std::string& message, const std::string& remedy) {
  const std::string place = place_of(example);
  fail_input((place.empty() ? "" : place + ": ") + format("turn %zu", turn + 1), message, remedy);
}

Json ChatRenderer::variables(const data::Example& example, size_t count, bool add_generation_prompt) const {
  Json messages = Json::array();
  for (size_t i = 0; i < count; ++i) messages.push_back(to_json(example.messages[i], place_of(example)));
  Json result = {{"messages", std::move(messages)},
                 {"tools", nullptr},
                 {"documents", nullptr},
                 {"add_generation_prompt", add_generation_prompt},
                 {"bos_token", bos_token_},
                 {"eos_token", eos_token_}};
  if (!example.tools_json.empty()) result["tools"] = parse_json(example.tools_json, place_of(example) + ": tools");
  return result;
}

std::string ChatRenderer::render_json(const data::Example& example, const Json& variables,
                                      std::vector<std::pair<size_t, size_t>>* ranges) const {
  try {
    return ranges != nullptr ? template_.render(variables, *ranges) : template_.render(variables);
  } catch (const Error& fault) {
    if (fault.kind() != ErrorKind::kInput) throw;
    fail_input(place_of(example),
               "the chat template refuses the conversation: " + fault.message() + " (" + fault.place() + ")",
               fault.remedy().empty() ? "change the row to what the template expects" : fault.remedy());
  }
}

std::string ChatRenderer::render(const data::Example& example, size_t count, bool add_generation_prompt) const {
  return render_json(example, variables(example, count, add_generation_prompt));
}

RenderedChat ChatRenderer::render_with_turns(const data::Example& example) const {
  RenderedChat chat;
  std::vector<std::pair<size_t, size_t>> ranges;
  chat.text = render_json(example, variables(example, example.messages.size(), false), &ranges);
  if (!ranges.empty()) {
    chat.spans = spans_of_tags(example, ranges);
    return chat;
  }
  for (size_t turn = 0; turn < example.messages.size(); ++turn) {
    const data::Message& message = example.messages[turn];
    if (message.role == "assistant" && message.trained) chat.spans.push_back(span_of_turn(example, turn, chat.text));
  }
  return chat;
}

std::vector<TurnSpan> ChatRenderer::spans_of_tags(const data::Example& example,
                                                  const std::vector<std::pair<size_t, size_t>>& ranges) const {
  std::vector<size_t> turns;
  for (size_t i = 0; i < example.messages.size(); ++i) {
    if (example.messages[i].role == "assistant") turns.push_back(i);
  }
  if (turns.size() != ranges.size()) {
    fail_input(place_of(example),
               format("the template marks %zu generated spans for %zu assistant turns", ranges.size(), turns.size()),
               "put one {% generation %} block around each assistant turn of the template");
  }
  std::vector<TurnSpan> spans;
  for (size_t i = 0; i < turns.size(); ++i) {
    if (example.messages[turns[i]].trained) spans.push_back({turns[i], ranges[i].first, ranges[i].second});
  }
  return spans;
}

TurnSpan ChatRenderer::span_of_turn(const data::Example& example, size_t turn, const std::string& whole) const {
  if (turn == 0) {
    fail_turn(example, turn, "the conversation begins with the assistant, so there is no prompt to answer",
              "begin with a user turn, or give this turn \"weight\": 0");
  }
  const std::string prompt = render(example, turn, true);
  if (!starts_with(whole, prompt)) {
    fail_turn(
        example, turn,
        "the template renders what comes before this turn differently once the conversation goes on, so the model "
        "would "
        "be trained on a prompt it never gets",
        "keep only the last assistant turn trained (\"weight\": 0 on the others), split the row into one row a turn, "
        "or use a template that leaves earlier turns alone");
  }
  if (turn + 1 == example.messages.size()) return {turn, prompt.size(), whole.size()};
  const std::string through = render(example, turn + 1, false);
  if (starts_with(whole, through) && through.size() >= prompt.size()) return {turn, prompt.size(), through.size()};
  return {turn, prompt.size(), limit_by_marker(example, turn, whole)};
}

/// For templates that change a turn once others follow (reasoning dropped, white space trimmed): puts a marker
/// in place of the answer; what follows the marker is what follows the answer.
size_t ChatRenderer::limit_by_marker(const data::Example& example, size_t turn, const std::string& whole) const {
  Json marked = variables(example, example.messages.size(), false);
  marked["messages"][turn]["content"] = kMarker;
  const std::string text = render_json(example, marked);
  const size_t at = text.find(kMarker);
  const bool once = at != std::string::npos && text.find(kMarker, at + 1) == std::string::npos;
  const std::string rest = once ? text.substr(at + std::string_view(kMarker).size()) : "";
  if (!once || example.messages[turn].content.empty() || !ends_with(whole, rest)) {
    fail_turn(example, turn, "the template changes this turn once others follow it, so its end cannot be found",
              "keep only the last assistant turn trained (\"weight\": 0 on the others), or split the row into one row "
              "a turn");
  }
  return whole.size() - rest.size();
}

}  // namespace hone::text
