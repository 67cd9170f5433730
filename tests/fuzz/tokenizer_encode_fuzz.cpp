// Any bytes as text for four kinds of tokenizer: what is decoded is the text again (broken UTF-8 repaired),
// offsets lie in the text, streaming agrees with decoding, and a BPE trained on it does the same.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"
#include "text/tokenizers/training/tokenizer_trainer.h"
#include "text/unicode.h"

namespace {

using hone::text::Tokenizer;

void check(bool holds) {
  if (!holds) std::abort();
}

hone::Json trained_on(std::string_view text, const std::string& pattern, size_t merges) {
  hone::text::TokenizerTraining settings;
  settings.pattern = pattern;
  settings.min_frequency = 1;
  settings.vocab_size = 256 + settings.special_tokens.size() + merges;
  hone::text::TokenizerTrainer trainer(settings);
  trainer.add(text);
  trainer.train();
  return trainer.tokenizer_json();
}

Tokenizer parse(hone::Json document, bool exact) {
  if (exact) document["normalizer"] = nullptr;
  return Tokenizer::parse(document.dump(), "fuzz.json");
}

void use(const Tokenizer& tokenizer, std::string_view bytes, const std::string& repaired, bool exact) {
  for (const bool special : {false, true}) {
    const hone::text::EncodeOptions how{.add_special_tokens = special, .parse_special_tokens = special};
    const hone::text::Encoding encoding = tokenizer.encode_with_offsets(bytes, how);
    check(tokenizer.encode(bytes, how) == encoding.ids);
    for (const auto& [begin, end] : encoding.offsets) check(begin <= end && end <= bytes.size());
    const std::string text = tokenizer.decode(encoding.ids);
    if (exact) check(text == repaired);
    hone::text::StreamDecoder stream(tokenizer, {.skip_special_tokens = false});
    std::string streamed;
    for (const int32_t id : encoding.ids) streamed += stream.push(id);
    check(streamed + stream.flush() == text);
  }
}

/// Byte level over a little text of many kinds, with each split pattern.
const std::vector<Tokenizer>& fixed() {
  static const std::vector<Tokenizer> all = [] {
    std::vector<Tokenizer> out;
    for (const char* pattern : {"gpt2", "llama3", "qwen2"}) {
      const hone::Json document =
          trained_on("the cat's 고양이가  고양이를 12345 본다.\n\n It'll SEE 이것은 é ü 漢字漢字", pattern, 120);
      out.push_back(parse(document, true));
    }
    return out;
  }();
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::string repaired;
  hone::text::append_repaired(repaired, bytes);
  check(hone::text::valid_utf8_prefix(repaired) == repaired.size());
  for (const Tokenizer& tokenizer : fixed()) use(tokenizer, bytes, repaired, true);
  if (size <= 512) use(parse(trained_on(bytes, "qwen2", 40), false), bytes, repaired, false);
  return 0;
}
