#include "data/messages_writer.h"

#include "data/value.h"

namespace hone::data {

std::string to_messages_line(const Example& example) {
  if (example.messages.empty()) return "{\"text\":" + json_quote(example.text) + "}";
  std::string line = "{\"messages\":[";
  for (size_t i = 0; i < example.messages.size(); ++i) {
    const Message& turn = example.messages[i];
    line += (i > 0 ? ",{\"role\":" : "{\"role\":") + json_quote(turn.role);
    // A null content stands among the other fields.
    if (!has_member(turn.extra_json, "content")) line += ",\"content\":" + json_quote(turn.content);
    if (turn.extra_json.size() > 2) line += "," + turn.extra_json.substr(1, turn.extra_json.size() - 2);
    if (turn.role == "assistant" && !turn.trained) line += ",\"weight\":0";
    line += "}";
  }
  line += "]";
  if (!example.tools_json.empty()) line += ",\"tools\":" + example.tools_json;
  return line + "}";
}

}  // namespace hone::data
