// The text side of a model: its tokenizer, its chat template and the tokens that end an answer, taken from
// where training left them.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/example.h"
#include "text/chat_encoding.h"
#include "text/tokenizer.h"

namespace hone::generate {

class ModelText {
 public:
  /// An adapter folder that has a tokenizer (training writes it there) wins over the model's; so does a
  /// chat_template.jinja there. `chat_template` overrules both: a file, or the name of a built-in template.
  ModelText(const std::filesystem::path& model, const std::filesystem::path& adapter,
            const std::string& chat_template = "");

  const text::Tokenizer& tokenizer() const { return *tokenizer_; }
  /// "" where the model has none; conversations then throw Error.
  const std::string& chat_template() const { return chat_template_; }
  /// For comparing models of which one has no template of its own.
  void set_chat_template(std::string source) { chat_template_ = std::move(source); }
  const std::vector<int32_t>& stop_ids() const { return stop_ids_; }

  /// Borrows the tokenizer: this object must outlive the encoder.
  text::ChatEncoder encoder(const text::ChatEncodingOptions& options) const;

 private:
  std::unique_ptr<text::Tokenizer> tokenizer_;
  std::string chat_template_;
  std::vector<int32_t> stop_ids_;
};

/// The ids that the model continues. A conversation is rendered with the generation prompt; a plain text is
/// tokenised with the tokenizer's own special tokens, as transformers' tokenizer(prompt) does.
std::vector<int32_t> prompt_ids(const ModelText& text, const text::ChatEncoder& encoder, const data::Example& prompt);

}  // namespace hone::generate
