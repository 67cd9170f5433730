// Tokenizers for tests: one trained on the spot over Korean and English sentences, published ones from tests/data.
#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json.h"
#include "text/tokenizer.h"
#include "text/tokenizers/training/corpus.h"
#include "text/tokenizers/training/tokenizer_trainer.h"

namespace hone::text {

inline std::filesystem::path test_data() {
  return std::filesystem::path(HONE_SOURCE_DIR) / "tests" / "data";
}

inline const std::vector<std::string>& sentences() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> texts;
    for_each_text(test_data() / "metrics" / "texts.jsonl", [&](std::string_view text) { texts.emplace_back(text); });
    return texts;
  }();
  return all;
}

inline Json trained_json(const std::string& pattern, size_t vocab_size = 1500) {
  TokenizerTraining settings;
  settings.vocab_size = vocab_size;
  settings.pattern = pattern;
  TokenizerTrainer trainer(settings);
  for (const std::string& text : sentences()) trainer.add(text);
  trainer.train();
  return trainer.tokenizer_json();
}

inline Tokenizer parse_tokenizer(const Json& document) {
  return Tokenizer::parse(document.dump(), "test.json");
}

/// A BPE over the letters a to e with a few merges, no pre-tokenizer: small enough to follow by hand.
inline Json small_json() {
  return Json::parse(R"({"added_tokens": [{"id": 8, "content": "<end>", "special": true}],
    "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": {"type": "Fuse"},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4, "ab": 5, "abc": 6, "bc": 7},
              "merges": [["b", "c"], ["a", "b"], ["ab", "c"]]}})");
}

}  // namespace hone::text
