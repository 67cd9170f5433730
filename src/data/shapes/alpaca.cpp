#include "base/strings.h"
#include "data/shapes/shape.h"
#include "data/utf8.h"

namespace hone::data {
namespace {

std::string with_input(const std::string& instruction, const std::string& input) {
  return is_blank(input) ? instruction : instruction + "\n\n" + input;
}

int fits(const Value& row) {
  if (!row.member("instruction").exists()) return 0;
  return *first_present(row, {"output", "response", "instances"}) != '\0' ? 2 : 1;
}

/// LLaMA-Factory's `history`: earlier turns as pairs [question, answer].
void read_history(const Value& row, Conversion& conversion, Findings& findings) {
  const Value history = row.member("history");
  if (!history.exists() || history.is_null()) return;
  size_t index = 0;
  bool valid = history.is_array();
  for (const Value& pair : history.items()) {
    const std::vector<Value> turns = pair.items();
    valid = valid && turns.size() == 2 && turns[0].is_string() && turns[1].is_string();
    if (!valid) break;
    conversion.add("user", std::string(turns[0].string()), {"history", index, ""});
    conversion.add("assistant", std::string(turns[1].string()), {"history", index, ""});
    ++index;
  }
  if (!valid) {
    findings.add(Check::wrong_type, "history", "\"history\" is no list of [question, answer] pairs of strings",
                 "write \"history\": [[\"question\", \"answer\"], …]");
  }
}

/// Self-Instruct keeps input and output of a task in a list of instances.
void convert_instances(const Value& row, const std::string& instruction, Conversion& conversion, Findings& findings) {
  const std::vector<Value> instances = row.member("instances").items();
  if (instances.empty() || !instances[0].is_object()) {
    findings.add(Check::wrong_type, "instances", "\"instances\" is no list of {\"input\", \"output\"} objects",
                 "write at least one instance");
    return;
  }
  if (instances.size() > 1) {
    findings.add(Check::ignored_data, "instances", format("%zu instances, only the first is used", instances.size()),
                 "write a row for each instance");
  }
  const std::string input = optional_text(instances[0], "input", findings);
  conversion.add("user", with_input(instruction, input), {nullptr, 0, "instruction"});
  conversion.add("assistant", require_text(instances[0], {"output"}, findings), {"instances", 0, "output"});
}

void convert(const Value& row, Conversion& conversion, Findings& findings) {
  const std::string system = optional_text(row, "system", findings);
  if (!system.empty()) conversion.add("system", system, {nullptr, 0, "system"});
  const std::string instruction = require_text(row, {"instruction"}, findings);
  if (row.member("instances").exists()) return convert_instances(row, instruction, conversion, findings);
  read_history(row, conversion, findings);
  conversion.add("user", with_input(instruction, optional_text(row, "input", findings)), {nullptr, 0, "instruction"});
  const char* answer = row.member("response").exists() ? "response" : "output";
  conversion.add("assistant", require_text(row, {answer}, findings), {nullptr, 0, answer});
}

}  // namespace

Shape make_alpaca_shape() {
  return {fits, convert};
}

}  // namespace hone::data
