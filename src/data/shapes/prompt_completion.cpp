#include "data/shapes/shape.h"

namespace hone::data {
namespace {

int fits(const Value& row) {
  return (row.member("prompt").exists() ? 1 : 0) + (row.member("completion").exists() ? 1 : 0);
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
