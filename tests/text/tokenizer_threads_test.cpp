// One tokenizer, many threads: what the header promises, and what ThreadSanitizer watches.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "text/tokenizer.h"

namespace hone::text {
namespace {

// Texts of many lengths, so that the scratch space that threads hand on has to grow and shrink.
std::vector<std::string> texts() {
  const std::string words[] = {"하늘은", " 왜", " 파란가요?", " Once", " upon",    " a",
                               " time",  "\n",  " 🙂",      " 123",  " \xB0\xA1"};
  std::vector<std::string> all;
  for (size_t i = 0; i < 120; ++i) {
    std::string text;
    for (size_t j = 0; j < i % 17 + 1; ++j) text += words[(i * 7 + j * 3) % std::size(words)];
    all.push_back(text);
  }
  return all;
}

void many_threads_agree_with_one(const char* name) {
  const auto tokenizer = Tokenizer::load(std::string(HONE_SOURCE_DIR "/tests/data/tokenizers/") + name);
  const std::vector<std::string> all = texts();
  std::vector<std::vector<int32_t>> expected;
  std::vector<std::string> decoded;
  for (const std::string& text : all) {
    expected.push_back(tokenizer.encode(text));
    decoded.push_back(tokenizer.decode(expected.back()));
  }

  // Counted in each thread and looked at afterwards: GoogleTest's checks are for the main thread.
  std::vector<size_t> wrong(4, 0);
  std::vector<std::thread> threads;
  for (size_t thread = 0; thread < wrong.size(); ++thread) {
    threads.emplace_back([&, thread] {
      for (size_t i = 0; i < all.size(); ++i) {
        const size_t at = (i * (thread + 1) + thread * 31) % all.size();
        const Encoding encoding = tokenizer.encode_with_offsets(all[at]);
        wrong[thread] += encoding.ids != expected[at] || tokenizer.encode(all[at]) != expected[at] ||
                         tokenizer.decode(encoding.ids) != decoded[at];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<size_t>(4, 0));
}

TEST(TokenizerThreads, ByteLevel) {
  many_threads_agree_with_one("qwen2-tiny.tokenizer.json");
}

TEST(TokenizerThreads, ByteFallback) {
  many_threads_agree_with_one("tinystories.tokenizer.json");
}

}  // namespace
}  // namespace hone::text
