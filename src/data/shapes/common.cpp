#include "base/strings.h"
#include "data/shapes/shape.h"
#include "data/utf8.h"

namespace hone::data {

std::string Place::text() const {
  if (list == nullptr) return field;
  const std::string place = format("%s[%zu]", list, index);
  return *field == '\0' ? place : place + "." + field;
}

void Conversion::add(std::string role, std::string content, Place place) {
  example.messages.push_back({std::move(role), std::move(content), true, ""});
  places.push_back(place);
}

const char* first_present(const Value& row, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (row.member(name).exists()) return name;
  }
  return "";
}

std::string require_text(const Value& row, std::initializer_list<const char*> names, Findings& findings) {
  const std::string name = first_present(row, names);
  const Value value = name.empty() ? Value() : row.member(name);
  if (value.is_string()) return std::string(value.string());
  if (!value.exists()) {
    const std::string wanted = *names.begin();
    findings.add(Check::missing_field, wanted, "the field \"" + wanted + "\" is missing", "add it, or drop the row");
  } else if (value.is_null()) {
    findings.add(Check::null_content, name, "\"" + name + "\" is null", "fill it, or drop the row");
  } else {
    findings.add(Check::wrong_type, name, "\"" + name + "\" is " + value.kind_name() + ", expected a string",
                 "write it as text in quotes");
  }
  return {};
}

std::string optional_text(const Value& row, const char* name, Findings& findings) {
  const Value value = row.member(name);
  if (value.is_string()) return std::string(value.string());
  if (value.exists() && !value.is_null()) {
    findings.add(Check::wrong_type, name,
                 std::string("\"") + name + "\" is " + value.kind_name() + ", expected a string",
                 "write it as text in quotes");
  }
  return {};
}

void read_side(const Value& row, const char* name, const char* role, Conversion& conversion, Findings& findings) {
  const Value side = row.member(name);
  if (!side.is_array()) return conversion.add(role, require_text(row, {name}, findings), {nullptr, 0, name});
  size_t index = 0;
  for (const Value& message : side.items()) convert_message(message, name, index++, conversion, findings);
}

std::string read_tools(const Value& row, Findings& findings) {
  const char* name = first_present(row, {"tools", "functions"});
  if (*name == '\0') return {};
  const Value value = row.member(name);
  if (value.is_null() || (value.is_string() && is_blank(value.string()))) return {};
  JsonParser parser;  // for LLaMA-Factory's form, a list inside a string
  JsonFault fault;
  Value list = value;
  if (value.is_string() && !parser.parse_copy(value.string(), list, fault)) list = Value();
  if (!list.is_array()) {
    findings.add(Check::wrong_type, name,
                 std::string("\"") + name + "\" is " + value.kind_name() +
                     (value.is_string() ? " that is no JSON list" : "") + ", expected a list of functions",
                 "write a list of {\"type\": \"function\", \"function\": {…}}");
    return {};
  }
  std::string json = "[";
  for (const Value& tool : list.items()) {
    if (json.size() > 1) json += ",";
    // A bare function description (legacy `functions`, LLaMA-Factory) is put into today's envelope.
    const bool bare = !tool.member("function").exists() && tool.member("name").is_string();
    json += bare ? "{\"type\":\"function\",\"function\":" + tool.json() + "}" : tool.json();
  }
  json += "]";
  return json == "[]" ? "" : json;
}

}  // namespace hone::data
