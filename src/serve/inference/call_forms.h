// The forms in which chat templates teach models to call functions.
#pragma once
#include <string>

#include "generate/constraints/tool_calls.h"

namespace hone::serve {

struct CallForm {
  /// What opens an answer that calls; tokenised by itself, since it is a token of its own where a model has one. ""
  /// where the call is the whole answer.
  std::string opening;
  generate::CallFrame frame;  ///< what follows the opening
};

/// Of the template's source: <tool_call> (Hermes, Qwen, SmolLM), [TOOL_CALLS] with a list (Mistral), a bare object with
/// "parameters" (Llama 3). Null for a template that teaches none of these.
const CallForm* call_form_of(const std::string& chat_template);

}  // namespace hone::serve
