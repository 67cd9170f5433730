#include "base/strings.h"
#include "data/shapes/shape.h"

namespace hone::data {
namespace {

struct Speaker {
  const char* from;
  const char* role;  ///< "call": an assistant turn whose value is a tool call
};
constexpr Speaker kSpeakers[] = {
    {"human", "user"},        {"user", "user"},      {"gpt", "assistant"},          {"assistant", "assistant"},
    {"chatgpt", "assistant"}, {"bing", "assistant"}, {"bard", "assistant"},         {"model", "assistant"},
    {"bot", "assistant"},     {"system", "system"},  {"function_call", "call"},     {"tool_call", "call"},
    {"observation", "tool"},  {"tool", "tool"},      {"function_response", "tool"}, {"tool_response", "tool"},
};

std::string role_of(std::string_view from) {
  for (const Speaker& speaker : kSpeakers) {
    if (from == speaker.from) return speaker.role;
  }
  return {};
}

/// {"name", "arguments"} or a list of them, as the tool_calls of a message; "" when it is neither.
std::string tool_calls(std::string_view value) {
  JsonParser parser;
  JsonFault fault;
  Value parsed;
  if (!parser.parse_copy(value, parsed, fault)) return {};
  std::string calls;
  for (const Value& call : parsed.is_array() ? parsed.items() : std::vector<Value>{parsed}) {
    if (!call.member("name").is_string()) return {};
    const Value arguments = call.member("arguments");
    calls += (calls.empty() ? "" : ",") +
             ("{\"type\":\"function\",\"function\":{\"name\":" + json_quote(call.member("name").string()) +
              ",\"arguments\":" + (arguments.exists() ? arguments.json() : "{}") + "}}");
  }
  return calls.empty() ? calls : "{\"content\":null,\"tool_calls\":[" + calls + "]}";
}

void convert_turn(const Value& turn, size_t index, Conversion& conversion, Findings& findings) {
  const Place place{"conversations", index, "value"}, from_place{"conversations", index, "from"};
  const Value from = turn.member("from"), value = turn.member("value");
  if (!from.is_string()) {
    findings.add(from.exists() ? Check::wrong_type : Check::missing_field, from_place.text(),
                 std::string("\"from\" is ") + from.kind_name() + ", expected a string",
                 "write \"from\": \"human\" or \"gpt\"");
  }
  if (!value.is_string()) {
    findings.add(value.is_null()  ? Check::null_content
                 : value.exists() ? Check::wrong_type
                                  : Check::missing_field,
                 place.text(), std::string("\"value\" is ") + value.kind_name() + ", expected a string",
                 "fill it, or drop the turn");
  }
  if (!from.is_string() || !value.is_string()) return;
  const std::string role = role_of(from.string());
  if (role.empty()) {
    findings.add(Check::unknown_role, from_place.text(), "speaker \"" + excerpt(from.string(), 30) + "\" is unknown",
                 "use human, gpt, system, function_call or observation");
    return;
  }
  if (role != "call") return conversion.add(role, std::string(value.string()), place);
  const std::string extra = tool_calls(value.string());
  if (extra.empty()) {
    findings.add(Check::wrong_type, place.text(), "a function call that is not JSON with a \"name\"",
                 "write {\"name\": …, \"arguments\": {…}} as the value");
    return;
  }
  conversion.add("assistant", "", place);
  conversion.example.messages.back().extra_json = extra;
}

int fits(const Value& row) {
  return row.member("conversations").exists() ? 2 : 0;
}

void convert(const Value& row, Conversion& conversion, Findings& findings) {
  const Value turns = row.member("conversations");
  if (!turns.is_array()) {
    findings.add(turns.exists() ? Check::wrong_type : Check::missing_field, "conversations",
                 std::string("\"conversations\" is ") + turns.kind_name() + ", expected a list",
                 "write \"conversations\": [{\"from\": …, \"value\": …}, …]");
    return;
  }
  const std::string system = optional_text(row, "system", findings);
  if (!system.empty()) conversion.add("system", system, {nullptr, 0, "system"});
  size_t index = 0;
  for (const Value& turn : turns.items()) {
    // Some sets write ShareGPT's list with OpenAI's names inside.
    if (turn.member("role").exists() && !turn.member("from").exists()) {
      convert_message(turn, "conversations", index, conversion, findings);
    } else {
      convert_turn(turn, index, conversion, findings);
    }
    ++index;
  }
  conversion.example.tools_json = read_tools(row, findings);
}

}  // namespace

Shape make_sharegpt_shape() {
  return {fits, convert};
}

}  // namespace hone::data
