// What the small files beside a tokenizer.json say: which tokens begin and end a text, the chat template.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

namespace hone::text {

struct TokenizerConfig {
  std::string bos, eos, pad, unk, cls, sep, mask;  ///< "" when there is none
  std::optional<std::string> chat_template;
};

/// Reads tokenizer_config.json, special_tokens_map.json and chat_template.jinja of `folder`, those that
/// are there; the first that names a token wins. Faults throw Error.
TokenizerConfig read_tokenizer_config(const std::filesystem::path& folder);

}  // namespace hone::text
