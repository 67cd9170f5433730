// When two examples count as the same: hashes of what they say, for duplicate checks and leak-free splits.
#pragma once
#include <cstdint>
#include <string>
#include <unordered_map>

#include "data/example.h"

namespace hone::data {

/// 128 bits of everything in the example (roles, texts, tools, weights): equal means an exact duplicate.
struct ContentKey {
  uint64_t high = 0, low = 0;
  bool operator==(const ContentKey&) const = default;
};
ContentKey content_key(const Example& example);

/// Of the normalised prompt: every turn up to the last assistant turn, system turns left out, since one
/// system text is shared by a whole set. For a raw text, of the text; for a
/// preference pair, of what both answers follow.
uint64_t prompt_key(const Example& example);
/// Of the normalised last assistant turn; of the text for a raw text. Of a pair, of the
/// chosen answer.
uint64_t answer_key(const Example& example);

/// Remembers the line where each content was first seen; 32 bytes a row or so.
class DuplicateIndex {
 public:
  /// 0 when the content is new, else the line of its first occurrence.
  uint64_t first_line(const Example& example);

 private:
  struct Hash {
    size_t operator()(const ContentKey& key) const { return static_cast<size_t>(key.low); }
  };
  std::unordered_map<ContentKey, uint64_t, Hash> lines_;
};

}  // namespace hone::data
