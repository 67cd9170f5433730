// Tokens that are found in the text before the model sees it: <|im_start|>, <mask>, and whatever a
// fine-tuned model added.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/tokenizers/parts.h"

namespace hone::text {

struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool single_word = false;  ///< only where no word character touches it
  bool lstrip = false;       ///< takes the white space on its left with it
  bool rstrip = false;
  bool normalized = true;  ///< looked for in the normalised text, in its normalised form
  bool special = false;    ///< decode() may leave it out
  std::string shown;       ///< what decode() shows: the content, in its normalised form where that is looked for
};

/// A set of strings, found leftmost first, the longest of those that start at one place.
class TokenTrie {
 public:
  void add(std::string_view text, uint32_t value);
  bool empty() const { return nodes_.size() == 1; }
  /// The longest string of the set that starts at `at`: its value and end, or false.
  bool match(std::string_view text, size_t at, uint32_t& value, size_t& end) const;
  /// The first place from `at` on where a string may start; text.size() when there is none.
  size_t candidate(std::string_view text, size_t at) const;

 private:
  static constexpr uint32_t kNone = 0xFFFFFFFF;
  struct Node {
    std::vector<std::pair<unsigned char, uint32_t>> children;  // sorted by byte
    uint32_t value = kNone;
  };
  std::vector<Node> nodes_ = std::vector<Node>(1);
  std::array<bool, 256> starts_{};
};

class AddedTokens {
 public:
  /// A part of the text: an added token, or plain text when `token` is null.
  struct Segment {
    size_t begin = 0, end = 0;
    const AddedToken* token = nullptr;
  };

  /// Later tokens with the same content replace earlier ones. `normalizer` may be null.
  AddedTokens(std::vector<AddedToken> tokens, const Normalizer* normalizer);
  AddedTokens(const AddedTokens&) = delete;
  AddedTokens& operator=(const AddedTokens&) = delete;

  /// Cuts raw (or normalised) text at the tokens that are looked for there. Without `special`, special
  /// tokens stay plain text. The segments cover the text, except where a token reaches back over one.
  void find(std::string_view text, bool in_normalized, bool special, std::vector<Segment>& out) const;
  bool any(bool in_normalized) const { return !(in_normalized ? normalized_ : raw_).empty(); }

  const AddedToken* by_id(int32_t id) const;
  const AddedToken* by_content(std::string_view content) const;
  const std::vector<AddedToken>& tokens() const { return tokens_; }

 private:
  std::vector<AddedToken> tokens_;
  std::unordered_map<int32_t, uint32_t> by_id_;
  std::map<std::string, uint32_t, std::less<>> by_content_;
  TokenTrie raw_, normalized_;
};

}  // namespace hone::text
