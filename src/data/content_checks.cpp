#include "data/content_checks.h"

#include <algorithm>

#include "base/strings.h"
#include "data/pair_checks.h"
#include "data/utf8.h"

namespace hone::data {
namespace {

bool already_told(const Findings& findings, const std::string& path) {
  return std::any_of(findings.all().begin(), findings.all().end(),
                     [&](const Finding& f) { return starts_with(f.path, path); });
}

/// `required`: an empty text is an error.
void check_text(std::string_view text, bool required, bool measured, const Place& place, const ContentLimits& limits,
                Findings& findings) {
  if (is_blank(text)) {
    if (required && !already_told(findings, place.text())) {
      findings.add(Check::empty_content, place.text(), text.empty() ? "the text is empty" : "the text is blank",
                   "fill it, or drop the row");
    }
    return;
  }
  if (text.find('\0') != std::string_view::npos) {
    findings.add(Check::nul_character, place.text(), "a NUL character (\\u0000) in the text", "remove it");
  }
  if (text.find("\xEF\xBF\xBD") != std::string_view::npos) {
    findings.add(Check::replacement_character, place.text(),
                 "U+FFFD in the text: characters were lost when it was converted",
                 "convert the original again with its true encoding (Korean: CP949 or EUC-KR)");
  }
  if (!measured) return;
  const size_t characters = count_characters(text);
  if (characters <= limits.min_length) {
    findings.add(Check::too_short, place.text(),
                 format("%zu characters; more than %zu expected", characters, limits.min_length),
                 "check that the text is whole; --min-length moves the limit");
  } else if (characters >= limits.max_length) {
    findings.add(Check::too_long, place.text(),
                 format("%zu characters; fewer than %zu expected", characters, limits.max_length),
                 "shorten it, or raise --max-length and the training's max_length");
  }
}

bool calls_tools(const Message& message) {
  return has_member(message.extra_json, "tool_calls") || has_member(message.extra_json, "function_call");
}

void check_order(const Conversion& conversion, Findings& findings) {
  const auto& turns = conversion.example.messages;
  const auto path = [&](size_t i) { return conversion.places[i].text(); };
  bool user_seen = false, call_seen = false;
  for (size_t i = 0; i < turns.size(); ++i) {
    const std::string& role = turns[i].role;
    if (role == "system" && i > 0) {
      findings.add(Check::system_not_first, path(i), format("a system turn at place %zu, it must come first", i + 1),
                   "move it to the front or join it with the first");
    }
    if (role == "assistant" && !user_seen && !call_seen) {
      findings.add(Check::assistant_first, path(i), "the assistant speaks before any user", "begin with a user turn");
    }
    if (i > 0 && role == turns[i - 1].role && (role == "user" || role == "assistant")) {
      findings.add(Check::repeated_role, path(i), "two " + role + " turns in a row; many chat templates refuse that",
                   "join them into one turn");
    }
    if ((role == "tool" || role == "function") && !call_seen) {
      findings.add(Check::tool_without_call, path(i), "a tool result without an assistant turn that calls the tool",
                   "add the assistant turn with its tool_calls before it");
    }
    user_seen = user_seen || role == "user";
    call_seen = call_seen || (role == "assistant" && calls_tools(turns[i]));
  }
}

void check_conversation(const Conversion& conversion, Findings& findings) {
  const auto& turns = conversion.example.messages;
  const auto is = [](const char* role) { return [role](const Message& m) { return m.role == role; }; };
  // A turn whose role could not be read was reported; what follows would only repeat it.
  if (std::any_of(turns.begin(), turns.end(), is(""))) return;
  check_order(conversion, findings);
  if (std::none_of(turns.begin(), turns.end(), is("user"))) {
    findings.add(Check::no_user, conversion.places[0].list != nullptr ? conversion.places[0].list : "", "no user turn",
                 "add what the assistant answers to");
  }
  if (std::none_of(turns.begin(), turns.end(), is("assistant"))) {
    findings.add(Check::no_assistant, conversion.places[0].list != nullptr ? conversion.places[0].list : "",
                 "no assistant turn, so nothing to learn", "end the conversation with the answer wanted");
    return;
  }
  if (turns.back().role != "assistant") {
    findings.add(Check::last_turn_not_assistant, conversion.places.back().text(),
                 "the last turn is the " + turns.back().role + "'s, expected the assistant's",
                 "end the conversation with the answer wanted, or drop the last turn");
  }
  if (std::none_of(turns.begin(), turns.end(), [](const Message& m) { return m.role == "assistant" && m.trained; })) {
    findings.add(Check::nothing_trained, "", "every assistant turn has weight 0, so nothing is learnt",
                 "give at least one of them weight 1, or drop the row");
  }
}

}  // namespace

void check_content(const Conversion& conversion, const ContentLimits& limits, Findings& findings) {
  const Example& example = conversion.example;
  if (example.rejected) return check_pair(conversion, limits, findings);
  if (example.messages.empty()) {
    if (!conversion.places.empty()) {
      check_text(example.text, true, false, conversion.places[0], limits, findings);
    } else if (!findings.has_error()) {
      findings.add(Check::no_messages, "", "the conversation has no turns", "drop the row");
    }
    return;
  }
  for (size_t i = 0; i < example.messages.size(); ++i) {
    const Message& turn = example.messages[i];
    const bool required =
        !calls_tools(turn) && (turn.role == "user" || turn.role == "assistant" || turn.role == "system");
    check_text(turn.content, required, turn.role == "user" || turn.role == "assistant", conversion.places[i], limits,
               findings);
  }
  check_conversation(conversion, findings);
}

}  // namespace hone::data
