// Preference pairs as OpenAI's fine-tuning takes them: {"input": {"messages", "tools"}, "preferred_output": [one turn],
// "non_preferred_output": [one turn]}. Earlier versions of its specification said preferred_completion.
#include <iterator>

#include "data/shapes/shape.h"

namespace hone::data {
namespace {

const char* preferred(const Value& row) {
  return first_present(row, {"preferred_output", "preferred_completion"});
}
const char* non_preferred(const Value& row) {
  return first_present(row, {"non_preferred_output", "non_preferred_completion"});
}

int fits(const Value& row) {
  const int answers = (*preferred(row) != '\0') + (*non_preferred(row) != '\0');
  return answers == 2 && row.member("input").exists() ? 2 : answers > 0 ? 1 : 0;
}

/// The messages of `list`, whose name in the row is `name`.
void read_turns(const Value& list, const char* name, Conversion& into, Findings& findings) {
  if (!list.is_array()) {
    findings.add(list.exists() ? Check::wrong_type : Check::missing_field, name,
                 std::string("\"") + name + "\" is " + list.kind_name() + ", expected a list of messages",
                 "write [{\"role\": …, \"content\": …}]");
    return;
  }
  const std::vector<Value> items = list.items();
  for (size_t i = 0; i < items.size(); ++i) convert_message(items[i], name, i, into, findings);
}

void convert(const Value& row, Conversion& conversion, Findings& findings) {
  const Value input = row.member("input");
  const char* better = *preferred(row) != '\0' ? preferred(row) : "preferred_output";
  const char* worse = *non_preferred(row) != '\0' ? non_preferred(row) : "non_preferred_output";
  Conversion rejected;
  read_turns(input.member("messages"), "input.messages", conversion, findings);
  const size_t turns = conversion.example.messages.size();
  // The pair says what is to be learnt: answers inside the prompt are context.
  for (Message& turn : conversion.example.messages) turn.trained = turn.trained && turn.role != "assistant";
  read_turns(row.member(better), better, conversion, findings);
  read_turns(row.member(worse), worse, rejected, findings);
  if (findings.has_error()) return;
  conversion.example.rejected = Rejected{.shared = turns, .messages = std::move(rejected.example.messages)};
  conversion.rejected_places = std::move(rejected.places);
  conversion.example.tools_json = read_tools(input, findings);
}

}  // namespace

Shape make_openai_preference_shape() {
  return {fits, convert};
}

}  // namespace hone::data
