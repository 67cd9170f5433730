// Answers that are calls of functions, in the form that a chat template teaches, with arguments by each function's
// JSON schema.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "generate/constraints/json.h"

namespace hone::generate {

struct CallableTool {
  std::string name;        ///< letters, digits, _ and -
  std::string parameters;  ///< a schema of objects, as JSON
  bool strict = false;
};

/// What stands around and between calls: first call (separator call)* last, and a call is
/// before NAME middle ARGUMENTS after.
struct CallFrame {
  std::vector<std::string> first;  ///< one of these; none: nothing
  std::string before, middle, after, separator, last;
  size_t most = 1;  ///< calls in one answer
};

/// One call at least. Throws as compile_json_schema does, in the function's name; all schemas share its bound.
std::shared_ptr<const JsonGrammar> compile_tool_calls(const std::vector<CallableTool>& tools, const CallFrame& frame);

/// Where calls begin in an answer that may also be text.
struct CallMark {
  std::string text;              ///< the calls follow it; "" where a call is the whole answer, and begins with a brace
  std::optional<int32_t> token;  ///< the added token of that text, if the tokenizer has one
};

/// For one answer: any text, but once it opens calls, nothing but what the grammar says.
std::unique_ptr<Constraint> make_calls_once_opened(std::shared_ptr<const JsonGrammar> grammar,
                                                   std::shared_ptr<const TokenTrie> trie, CallMark mark,
                                                   std::vector<int32_t> stop_ids);

}  // namespace hone::generate
