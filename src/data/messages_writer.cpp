#include "data/messages_writer.h"

#include <span>

#include "data/value.h"

namespace hone::data {
namespace {

std::string to_list(std::span<const Message> turns) {
  std::string list = "[";
  for (const Message& turn : turns) {
    list += (list.size() > 1 ? ",{\"role\":" : "{\"role\":") + json_quote(turn.role);
    // A null content stands among the other fields.
    if (!has_member(turn.extra_json, "content")) list += ",\"content\":" + json_quote(turn.content);
    if (turn.extra_json.size() > 2) list += "," + turn.extra_json.substr(1, turn.extra_json.size() - 2);
    if (turn.role == "assistant" && !turn.trained) list += ",\"weight\":0";
    list += "}";
  }
  return list + "]";
}

std::string pair_line(const std::string& prompt, const std::string& chosen, const std::string& rejected) {
  return "{\"prompt\":" + prompt + ",\"chosen\":" + chosen + ",\"rejected\":" + rejected;
}

}  // namespace

std::string to_messages_line(const Example& example) {
  const std::span<const Message> turns = example.messages;
  std::string line;
  if (example.rejected) {
    const size_t shared = example.rejected->shared;
    if (turns.empty()) {
      return pair_line(json_quote(example.text.substr(0, shared)), json_quote(example.text.substr(shared)),
                       json_quote(example.rejected->text)) +
             "}";
    }
    line = pair_line(to_list(turns.first(shared)), to_list(turns.subspan(shared)), to_list(example.rejected->messages));
  } else {
    if (turns.empty()) return "{\"text\":" + json_quote(example.text) + "}";
    line = "{\"messages\":" + to_list(turns);
  }
  if (!example.tools_json.empty()) line += ",\"tools\":" + example.tools_json;
  return line + "}";
}

}  // namespace hone::data
