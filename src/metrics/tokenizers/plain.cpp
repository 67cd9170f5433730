// "none" and "char", as sacrebleu defines them.
#include "metrics/characters.h"
#include "metrics/tokens.h"

namespace hone::metrics {
namespace {

void tokenize_characters(std::string_view text, Tokens& out) {
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    if (!is_space(next_character(text, at))) out.add(text.substr(begin, at - begin));
  }
}

}  // namespace

void register_plain_tokenizers(TokenizerRegistry& registry) {
  registry.add({"char", "every character that is not white space", tokenize_characters});
  registry.add({"none", "what stands between white space (text that is tokenized already)", add_words});
}

}  // namespace hone::metrics
