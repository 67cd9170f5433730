#include "base/strings.h"
#include "data/shapes/shape.h"

namespace hone::data {
namespace {

const std::vector<std::string> kRoles = {"system", "developer", "user", "assistant", "tool", "function"};

std::string read_role(const Value& message, const Place& at, Findings& findings) {
  const Value role = message.member("role");
  for (const std::string& known : kRoles) {
    // "developer" is OpenAI's newer word for the same turn.
    if (role.string() == known) return known == "developer" ? "system" : known;
  }
  const std::string path = Place{at.list, at.index, "role"}.text();
  if (!role.is_string()) {
    findings.add(role.exists() ? Check::wrong_type : Check::missing_field, path,
                 std::string("\"role\" is ") + role.kind_name() + ", expected a string",
                 "write \"role\": \"system\", \"user\" or \"assistant\"");
    return {};
  }
  const std::string name(role.string());
  findings.add(
      Check::unknown_role, path,
      "role \"" + excerpt(name, 30) + "\" is unknown;" + did_you_mean(name, kRoles) + " known: " + join(kRoles, ", "),
      "use one of the known roles");
  return {};
}

/// The text of a content that is a list of parts, e.g. [{"type": "text", "text": "Hi"}].
std::string join_parts(const Value& content, const Place& place, Findings& findings) {
  std::string text;
  size_t index = 0;
  for (const Value& part : content.items()) {
    const std::string_view type = part.member("type").string();
    const Value words = part.is_string() ? part : part.member(type == "refusal" ? "refusal" : "text");
    if (words.is_string() && (part.is_string() || type.empty() || type == "text" || type == "refusal")) {
      text += words.string();
    } else {
      findings.add(
          Check::unsupported_part, format("%s[%zu]", place.text().c_str(), index),
          type.empty() ? "a content part without text" : "a content part of type \"" + excerpt(type, 30) + "\"",
          "only text parts can be trained on; drop the others");
    }
    ++index;
  }
  return text;
}

std::string read_content(const Value& message, const std::string& role, const Place& place, Findings& findings) {
  const Value content = message.member("content");
  if (content.is_string()) return std::string(content.string());
  if (content.is_array()) return join_parts(content, place, findings);
  // A turn that only calls tools has no text of its own.
  const bool calls =
      role == "assistant" && (message.member("tool_calls").is_array() || message.member("function_call").is_object());
  if ((content.is_null() || !content.exists()) && calls) return {};
  if (content.is_null()) {
    findings.add(Check::null_content, place.text(), "\"content\" is null", "fill it, or drop the turn");
  } else if (!content.exists()) {
    findings.add(Check::missing_field, place.text(), "\"content\" is missing", "add it, or drop the turn");
  } else {
    findings.add(Check::wrong_type, place.text(),
                 std::string("\"content\" is ") + content.kind_name() + ", expected a string or a list of text parts",
                 "write it as text in quotes");
  }
  return {};
}

bool read_weight(const Value& message, const std::string& role, const Place& at, Findings& findings) {
  const Value weight = message.member("weight");
  if (!weight.exists() || weight.is_null()) return true;
  const bool valid = weight.kind() == Value::Kind::kNumber && (weight.number() == 0 || weight.number() == 1);
  if (!valid || role != "assistant") {
    findings.add(Check::invalid_weight, Place{at.list, at.index, "weight"}.text(),
                 valid ? "\"weight\" on a turn of role \"" + role + "\""
                       : "\"weight\" is " + excerpt(weight.json(), 20) + ", expected 0 or 1",
                 "only assistant turns carry a weight: 1 to learn the turn, 0 to leave it out of the loss");
    return true;
  }
  return weight.number() != 0;
}

int fits(const Value& row) {
  return row.member("messages").exists() ? 2 : 0;
}

void convert(const Value& row, Conversion& conversion, Findings& findings) {
  const Value messages = row.member("messages");
  if (!messages.is_array()) {
    findings.add(messages.exists() ? Check::wrong_type : Check::missing_field, "messages",
                 std::string("\"messages\" is ") + messages.kind_name() + ", expected a list",
                 "write \"messages\": [{\"role\": …, \"content\": …}, …]");
    return;
  }
  size_t index = 0;
  for (const Value& message : messages.items()) convert_message(message, "messages", index++, conversion, findings);
  conversion.example.tools_json = read_tools(row, findings);
}

}  // namespace

void convert_message(const Value& message, const char* list, size_t index, Conversion& conversion, Findings& findings) {
  const Place place{list, index, "content"};
  if (!message.is_object()) {
    findings.add(Check::wrong_type, Place{list, index, ""}.text(),
                 std::string("a message is ") + message.kind_name() + ", expected an object",
                 "write {\"role\": …, \"content\": …}");
    return;
  }
  Message turn;
  turn.role = read_role(message, place, findings);
  turn.content = read_content(message, turn.role, place, findings);
  turn.trained = read_weight(message, turn.role, place, findings);
  for (const auto& [name, value] : message.members()) {
    // A null content is kept as it was: templates tell a call without text from an empty text.
    if (name == "role" || name == "weight" || (name == "content" && !value.is_null())) continue;
    turn.extra_json += (turn.extra_json.empty() ? "{" : ",") + json_quote(name) + ":" + value.json();
  }
  if (!turn.extra_json.empty()) turn.extra_json += "}";
  conversion.example.messages.push_back(std::move(turn));
  conversion.places.push_back(place);
}

Shape make_messages_shape() {
  return {fits, convert};
}

}  // namespace hone::data
