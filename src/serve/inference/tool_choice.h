// Which functions an answer may or must call: tools, tool_choice, parallel_tool_calls and their older names.
#pragma once
#include <vector>

#include "generate/constraints/tool_calls.h"
#include "serve/fields.h"

namespace hone::serve {

struct ToolUse {
  enum class Choice {
    kNone,      ///< no tools, or tool_choice "none"
    kAuto,      ///< the model decides
    kRequired,  ///< one call at least
    kNamed,     ///< one call of one function
  };
  Choice choice = Choice::kNone;
  bool parallel = true;  ///< several calls in one answer
  bool legacy = false;   ///< asked by `functions`, answered by `function_call`
  /// The answer is held to the schemas: because it must call, because a tool is strict, or because not every call is
  /// allowed.
  bool constrained = false;
  std::vector<generate::CallableTool> callable;  ///< those that may be called

  bool forced() const { return choice == Choice::kRequired || choice == Choice::kNamed; }
};

/// Throws ApiError. Not yet: whether the schemas can be compiled, and whether the template knows calls.
ToolUse read_tool_use(const Fields& fields);

}  // namespace hone::serve
