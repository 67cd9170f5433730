#include "data/shapes/shape.h"

namespace hone::data {
namespace {

int fits(const Value& row) {
  return (row.member("prompt").exists() ? 1 : 0) + (row.member("completion").exists() ? 1 : 0);
}

/// A side is a text, or a list of messages as TRL writes conversational pairs.
void read_side(const Value& row, const char* name, const char* role, Conversion& conversion, Findings& findings) {
  const Value side = row.member(name);
  if (!side.is_array()) return conversion.add(role, require_text(row, {name}, findings), {nullptr, 0, name});
  size_t index = 0;
  for (const Value& message : side.items()) convert_message(message, name, index++, conversion, findings);
}

void convert(const Value& row, Conversion& conversion, Findings& findings) {
  const std::string system = optional_text(row, "system", findings);
  if (!system.empty()) conversion.add("system", system, {nullptr, 0, "system"});
  read_side(row, "prompt", "user", conversion, findings);
  const size_t first_of_completion = conversion.example.messages.size();
  read_side(row, "completion", "assistant", conversion, findings);
  // The pair says what is to be learnt: answers inside the prompt are context.
  for (size_t i = 0; i < first_of_completion; ++i) {
    if (conversion.example.messages[i].role == "assistant") conversion.example.messages[i].trained = false;
  }
  conversion.example.tools_json = read_tools(row, findings);
}

}  // namespace

Shape make_prompt_completion_shape() {
  return {fits, convert};
}

}  // namespace hone::data
