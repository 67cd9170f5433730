// Trains a byte-level BPE tokenizer and writes the files that hone and transformers load.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/registry.h"

namespace hone::text {

/// How text is cut into words before merges are learned: the "normalizer" and "pre_tokenizer" sections of
/// the tokenizer.json, as JSON.
struct SplitScheme {
  const char* normalizer;
  const char* pre_tokenizer;
};
/// gpt2, llama3, qwen2.
const Registry<SplitScheme>& split_schemes();

struct TokenizerTraining {
  size_t vocab_size = 0;
  uint64_t min_frequency = 2;  ///< a pair seen less often is not merged
  std::vector<std::string> special_tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
  std::string pattern = "qwen2";                                      ///< a name of split_schemes()
  std::string eos_token = "<|im_end|>", pad_token = "<|endoftext|>";  ///< among special_tokens, or ""
  std::string chat_template;                                          ///< Jinja, or ""
};

class TokenizerTrainer {
 public:
  /// Throws Error when the settings contradict each other.
  explicit TokenizerTrainer(TokenizerTraining settings);
  ~TokenizerTrainer();

  /// Counts the words of a text; broken UTF-8 becomes U+FFFD.
  void add(std::string_view text);
  /// What was added so far: words, of them distinct.
  uint64_t words() const;
  size_t distinct_words() const;

  /// Learns the merges. `progress` is told the size that the vocabulary has reached and may throw to stop.
  void train(const std::function<void(size_t)>& progress = nullptr);
  /// After train(): ids, and how many of them are merges.
  size_t vocab_size() const;
  size_t merges() const;
  Json tokenizer_json() const;
  Json tokenizer_config_json() const;
  /// tokenizer.json and tokenizer_config.json in `folder`, which is made when missing.
  void write(const std::filesystem::path& folder) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hone::text
