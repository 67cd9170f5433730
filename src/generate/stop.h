// When an answer ends: on a stop token, on a stop string, or at its length.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hone::generate {

struct StopRules {
  std::vector<int32_t> ids;          ///< the token that ends an answer is kept in its ids and left out of its text
  std::vector<std::string> strings;  ///< the text ends before the first of them
  int64_t max_new_tokens = 128;
};

/// Finds stop strings in text that arrives in pieces, wherever the pieces are cut. Text that may be the
/// beginning of a stop string is held back until that is decided.
class StopMatcher {
 public:
  /// An empty string throws Error(kInput).
  explicit StopMatcher(std::vector<std::string> strings);

  /// The text that is certain to stand before any stop string. After stopped() nothing more comes.
  std::string push(std::string_view text);
  /// At the end of the answer: what was held back.
  std::string flush();
  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> strings_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace hone::generate
