#include "generate/model_text.h"

#include <algorithm>

#include "base/file.h"

namespace hone::generate {
namespace fs = std::filesystem;
namespace {

/// A path if there is such a file, else a built-in template's name.
std::string template_source(const std::string& choice) {
  std::error_code ignored;
  return fs::is_regular_file(choice, ignored) ? read_file(choice) : text::builtin_chat_template(choice);
}

}  // namespace

ModelText::ModelText(const fs::path& model, const fs::path& adapter, const std::string& chat_template) {
  const bool own = !adapter.empty() && fs::exists(adapter / "tokenizer.json");
  const bool own_template = !adapter.empty() && fs::exists(adapter / "chat_template.jinja");
  tokenizer_ = std::make_unique<text::Tokenizer>(text::Tokenizer::load(own ? adapter : model));
  chat_template_ = !chat_template.empty() ? template_source(chat_template)
                   : own_template         ? read_file(adapter / "chat_template.jinja")
                                          : tokenizer_->chat_template().value_or("");
  stop_ids_ = text::stop_ids_for(model, *tokenizer_);
  if (!adapter.empty()) {
    for (const int32_t id : text::stop_ids_for(adapter, *tokenizer_)) stop_ids_.push_back(id);
    std::sort(stop_ids_.begin(), stop_ids_.end());
    stop_ids_.erase(std::unique(stop_ids_.begin(), stop_ids_.end()), stop_ids_.end());
  }
}

text::ChatEncoder ModelText::encoder(const text::ChatEncodingOptions& options) const {
  return text::ChatEncoder(*tokenizer_, chat_template_, stop_ids_, options);
}

std::vector<int32_t> prompt_ids(const ModelText& text, const text::ChatEncoder& encoder, const data::Example& prompt) {
  if (!prompt.messages.empty()) return encoder.encode_prompt(prompt);
  return text.tokenizer().encode(prompt.text, {.add_special_tokens = true});
}

}  // namespace hone::generate
