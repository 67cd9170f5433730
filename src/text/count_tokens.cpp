#include "text/count_tokens.h"

namespace hone::text {

uint64_t count_tokens(const data::Example& example, const ChatEncoder& encoder) {
  uint64_t sum = 0;
  for (const EncodedExample& sequence : encoder.encode_branches(example)) sum += sequence.ids.size();
  return sum;
}

uint64_t count_tokens(const data::Example& example, const Tokenizer& tokenizer) {
  uint64_t sum = 0;
  for (const std::string_view text : texts_of(example)) sum += tokenizer.encode(text).size();
  return sum;
}

std::vector<std::string_view> texts_of(const data::Example& example) {
  std::vector<std::string_view> texts = {example.text};
  for (const data::Message& message : example.messages) texts.emplace_back(message.content);
  if (example.rejected) {
    texts.emplace_back(example.rejected->text);
    for (const data::Message& message : example.rejected->messages) texts.emplace_back(message.content);
  }
  return texts;
}

}  // namespace hone::text
