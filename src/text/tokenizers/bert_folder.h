// The tokenizer of a folder from before tokenizer.json: BERT's vocab.txt and a tokenizer_config.json that says
// how it is meant.
#pragma once
#include <filesystem>

#include "text/tokenizers/tokenizer_json.h"

namespace hone::text {

/// vocab.txt has one token a line, the line's number being its id. The configuration must say do_lower_case,
/// and name a tokenizer of BERT's kind if any; whatever would leave doubt about ids throws Error.
TokenizerParts read_bert_folder(const std::filesystem::path& folder);

}  // namespace hone::text
