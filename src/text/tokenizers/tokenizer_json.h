// Reads a tokenizer.json (the Hugging Face tokenizers library's format, version 1.0) into its parts.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizers/added_tokens.h"
#include "text/tokenizers/parts.h"

namespace hone::text {

/// Any part but the model may be null.
struct TokenizerParts {
  std::unique_ptr<Normalizer> normalizer;
  std::unique_ptr<PreTokenizer> pre_tokenizer;
  std::unique_ptr<Model> model;
  std::unique_ptr<PostProcessor> post_processor;
  std::unique_ptr<Decoder> decoder;
  std::vector<AddedToken> added_tokens;
};

/// The list "added_tokens".
std::vector<AddedToken> read_added_tokens(const Json& list, const std::string& place);

/// `source` names the file in messages. Faults throw Error naming the field.
TokenizerParts read_tokenizer_json(std::string_view document, const std::string& source);

}  // namespace hone::text
