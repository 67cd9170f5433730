// Calls of functions in a model's answer, found in the forms that chat templates teach.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "serve/inference/call_forms.h"

namespace hone::serve {

struct ToolCall {
  std::string name, arguments;  ///< the second a JSON object as text
};

struct ParsedAnswer {
  std::string text;  ///< what is said beside the calls
  std::vector<ToolCall> calls;
};

/// `name` of the function and what there is of the arguments, of a call that an answer of `form` ends in the middle of.
std::optional<ToolCall> cut_off_call(const std::string& answer, const CallForm& form);

/// <tool_call>{"name", "arguments"}</tool_call> (Hermes, Qwen, SmolLM), [TOOL_CALLS][…] (Mistral), or an answer that is
/// nothing but such an object or a list of them, "parameters" for "arguments" too (Llama 3). What is none of these is
/// text.
ParsedAnswer parse_tool_calls(const std::string& answer);

}  // namespace hone::serve
