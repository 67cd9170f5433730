// How scorers cut text into tokens, by name. ROUGE and BLEU share this one list: a tokenizer is one
// function in tokenizers/ and one line in tokenizers/tokenizers.def.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/registry.h"

namespace hone::metrics {

/// Tokens of one text, kept in one buffer. Reuse one object for many texts: clear() keeps the memory.
class Tokens {
 public:
  void clear() {
    buffer_.clear();
    ends_.clear();
  }
  void add(std::string_view token) {
    buffer_ += token;
    ends_.push_back(buffer_.size());
  }
  size_t size() const { return ends_.size(); }
  bool empty() const { return ends_.empty(); }
  std::string_view operator[](size_t index) const {
    const size_t begin = index == 0 ? 0 : ends_[index - 1];
    return std::string_view(buffer_).substr(begin, ends_[index] - begin);
  }
  /// Copies, for tests and messages.
  std::vector<std::string> list() const;

 private:
  std::string buffer_;
  std::vector<size_t> ends_;
};

/// Appends the tokens of `text` (UTF-8) to `out`; case is kept unless the tokenizer's rule says otherwise.
using TokenizeFunction = void (*)(std::string_view text, Tokens& out);
using TokenizerRegistry = Registry<TokenizeFunction>;

const TokenizerRegistry& tokenizers();

/// Appends the parts of `text` between white space, as Python's str.split() does.
void add_words(std::string_view text, Tokens& out);

}  // namespace hone::metrics
