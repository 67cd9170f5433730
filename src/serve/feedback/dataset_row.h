// A kept prompt and answer as a row of training data. For sources only.
#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/json.h"

namespace hone::serve {

struct KeptAnswer {
  Json prompt;  ///< {"messages", "tools"?} of a chat, or a text
  Json answer;  ///< a message, or a text
  bool chat() const { return prompt.is_object(); }
};

/// Choice number `choice` of what Traffic and AnswerWriter kept; nothing for a prompt that has no text (tokens).
std::optional<KeptAnswer> kept_answer(const std::string& prompt, const std::string& answers, int64_t choice);
/// Neither text nor calls of functions.
bool is_empty(const Json& answer);
/// The answer that should have been given, in the form of the one that was.
Json corrected(const KeptAnswer& kept, const std::string& text);

Json sft_row(const KeptAnswer& kept, const Json& answer);
Json dpo_row(const KeptAnswer& kept, const Json& better, const Json& worse);
Json kto_row(const KeptAnswer& kept, bool label);

}  // namespace hone::serve
