// The answers that a model gives to the examples' prompts.
#pragma once
#include <vector>

#include "evaluate/evaluation.h"

namespace hone::evaluate {

/// One answer a conversation that ends with an assistant turn. Those that options.samples holds already are
/// taken from there (counted in `reused`); the others are appended to it in order. `positions` bounds prompt
/// and answer together.
std::vector<Answer> answer_all(model::Decoder& decoder, const generate::ModelText& text,
                               const std::vector<data::Example>& examples, int64_t positions,
                               const EvaluationOptions& options, size_t& reused);

}  // namespace hone::evaluate
