// /v1/chat/completions: what a request asks for.
#pragma once
#include "data/example.h"
#include "generate/constraints/json.h"
#include "serve/inference/sampling_fields.h"

namespace hone::serve {

struct ChatRequest {
  std::string model;
  data::Example conversation;
  AnswerSettings answers;
  bool tools = false;                                    ///< the answer may be calls of functions
  std::shared_ptr<const generate::JsonGrammar> grammar;  ///< of response_format; null: any text
};

/// Throws ApiError.
ChatRequest read_chat_request(const Json& body, int64_t vocabulary);

}  // namespace hone::serve
