#include "metrics/characters.h"
#include "metrics/tokens.h"

namespace hone::metrics {

#define TOKENIZER(name) void register_##name##_tokenizers(TokenizerRegistry& registry);
#include "metrics/tokenizers/tokenizers.def"
#undef TOKENIZER

const TokenizerRegistry& tokenizers() {
  static const TokenizerRegistry all = [] {
    TokenizerRegistry registry("tokenizer");
#define TOKENIZER(name) register_##name##_tokenizers(registry);
#include "metrics/tokenizers/tokenizers.def"
#undef TOKENIZER
    return registry;
  }();
  return all;
}

std::vector<std::string> Tokens::list() const {
  std::vector<std::string> all;
  for (size_t i = 0; i < size(); ++i) all.emplace_back((*this)[i]);
  return all;
}

void add_words(std::string_view text, Tokens& out) {
  size_t begin = 0, at = 0;
  while (at < text.size()) {
    const size_t here = at;
    if (!is_space(next_character(text, at))) continue;
    if (here > begin) out.add(text.substr(begin, here - begin));
    begin = at;
  }
  if (begin < text.size()) out.add(text.substr(begin));
}

}  // namespace hone::metrics
