// Any bytes as text for several kinds of tokenizer: what is decoded is the text again (broken UTF-8 repaired)
// where nothing was normalised, offsets lie in the text, streaming agrees with decoding, ids are the same without
// offsets, and a BPE trained on it does the same.
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

/// As BERT and T5 have it, over a few words.
const std::vector<Tokenizer>& lossy() {
  static const std::vector<Tokenizer> all = [] {
    std::vector<Tokenizer> out;
    hone::Json bert = hone::Json::parse(R"({"normalizer": {"type": "BertNormalizer"},
      "pre_tokenizer": {"type": "BertPreTokenizer"}, "decoder": {"type": "WordPiece"}, "model": {"type": "WordPiece",
        "vocab": {"[UNK]": 0, "a": 1, "##b": 2, "the": 3, "##s": 4, "'": 5, "漢": 6, "\u1100": 7, "##\u1161": 8}}})");
    out.push_back(parse(bert, false));
    bert["normalizer"]["lowercase"] = false;
    bert["normalizer"]["clean_text"] = false;
    bert["pre_tokenizer"] = {{"type", "UnicodeScripts"}};
    out.push_back(parse(bert, false));
    out.push_back(parse(
        hone::Json::parse(R"({"normalizer": {"type": "Sequence", "normalizers": [{"type": "Nmt"}, {"type": "NFKC"}]},
      "pre_tokenizer": {"type": "Metaspace", "replacement": "▁"}, "decoder": {"type": "Metaspace", "replacement": "▁"},
      "model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["▁", -2], ["a", -3], ["▁a", -4.5], ["ab", -4],
        ["b", -3.5], ["가", -5], ["나가", -7.25], ["나", -6], ["1", -3], ["12", -6]]}})"),
        false));
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
  for (const Tokenizer& tokenizer : lossy()) use(tokenizer, bytes, repaired, false);
  if (size <= 512) use(parse(trained_on(bytes, "qwen2", 40), false), bytes, repaired, false);
  return 0;
}
