// /v1/chat/completions: what a request asks for.
#pragma once
#include "data/example.h"
#include "generate/constraints/json.h"
#include "serve/inference/sampling_fields.h"
#include "serve/inference/tool_choice.h"

namespace hone::serve {

struct ChatRequest {
  std::string model;
  data::Example conversation;
  AnswerSettings answers;
  ToolUse tools;
  std::shared_ptr<const generate::JsonGrammar> grammar;  ///< of response_format; null: any text
};

/// Throws ApiError.
ChatRequest read_chat_request(const Json& body, int64_t vocabulary);

}  // namespace hone::serve
