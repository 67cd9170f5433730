#include "text/tokenizers/models/piece_trie.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "text/random_text.h"

namespace hone::text {
namespace {

int32_t look_up(const PieceTrie& trie, std::string_view text) {
  uint32_t node = PieceTrie::kRoot;
  for (const char byte : text) {
    if (!trie.step(node, byte)) return -1;
  }
  return trie.id(node);
}

TEST(PieceTrie, HoldsWhatAMapHolds) {
  RandomStream random(3);
  for (const uint64_t alphabet : {2, 5, 256}) {
    std::vector<std::string> words;
    std::map<std::string, int32_t> map;
    std::vector<std::pair<std::string_view, int32_t>> entries;
    for (int i = 0; i < 3000; ++i) {
      std::string word;
      for (uint64_t k = random.below(9); k > 0; --k) word.push_back(static_cast<char>(random.below(alphabet)));
      words.push_back(word);
    }
    for (int32_t i = 0; i < 2000; ++i) {
      const std::string& word = words[static_cast<size_t>(i)];
      entries.emplace_back(word, i);
      if (!word.empty()) map[word] = i;  // the last of equal ones wins
    }
    const PieceTrie trie(entries);
    for (const std::string& word : words) {
      const auto it = map.find(word);
      ASSERT_EQ(look_up(trie, word), it == map.end() ? -1 : it->second);
    }
  }
}

TEST(PieceTrie, AnEmptyOneHoldsNothing) {
  const PieceTrie trie({});
  for (int byte = 0; byte < 256; ++byte) EXPECT_EQ(look_up(trie, std::string(1, static_cast<char>(byte))), -1);
}

}  // namespace
}  // namespace hone::text
