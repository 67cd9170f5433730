// SentencePiece's character maps: what a small one does, and that a damaged one is refused or harmless.
#include <gtest/gtest.h>

#include "base/json.h"
#include "error_of.h"
#include "text/random_text.h"
#include "text/test_tokenizer.h"

namespace hone::text {
namespace {

/// A Unigram with a map of five entries: a to bb, U+0301 to nothing, ﬁ to fi, CR LF to a blank, 가 to 각.
Json mapped_json() {
  return read_json(std::filesystem::path(HONE_SOURCE_DIR) / "tests" / "fuzz" / "corpus" / "tokenizer_json" / "t5.json");
}

std::string normalised(const std::string& text) {
  Json document = mapped_json();
  document["pre_tokenizer"] = nullptr;
  document["model"]["vocab"] = Json::parse(R"([["<unk>", 0]])");
  document["model"]["unk_id"] = 0;
  std::string out;  // Unigram shows unknown text as it is
  for (const std::string& token : parse_tokenizer(document).encode_with_offsets(text).tokens) out += token;
  return out;
}

TEST(Precompiled, ReplacesClustersAndCharacters) {
  EXPECT_EQ(normalised("xay"), "xbby");
  EXPECT_EQ(normalised("e\u0301x"), "ex");
  EXPECT_EQ(normalised("\r\n\n"), " \n");
  EXPECT_EQ(normalised("\r"), "\r");
  EXPECT_EQ(normalised("가나ﬁ"), "각나fi");
  EXPECT_EQ(normalised("ﬁ\u0323"), "fi");  // a cluster of five bytes is replaced by what its beginning maps to
  EXPECT_EQ(normalised("ﬁ\u0323\u0323"), "fi\u0323\u0323");  // longer ones go character by character
}

TEST(Precompiled, DamagedMapsAreRefusedOrHarmless) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
  RandomStream random(9);
  Json document = mapped_json();
  const std::string whole = document["normalizer"]["precompiled_charsmap"].get<std::string>();
  int refused = 0, taken = 0;
  for (int i = 0; i < 400; ++i) {
    std::string map = whole;
    for (uint64_t changes = 1 + random.below(6); changes > 0; --changes) {
      map[random.below(map.size())] = kAlphabet[random.below(kAlphabet.size() - (i % 2))];
    }
    if (i % 8 == 7) map.resize(random.below(map.size() + 1));
    document["normalizer"]["precompiled_charsmap"] = map;
    try {
      const Tokenizer tokenizer = parse_tokenizer(document);
      for (int k = 0; k < 5; ++k) {
        const std::string text = random_text(random, 20) + "a가\u0301";
        ASSERT_EQ(tokenizer.encode(text), tokenizer.encode_with_offsets(text).ids);
      }
      ++taken;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInput) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 50);
  EXPECT_GT(taken, 20);
}

TEST(Precompiled, AMapCannotFillTheMemory) {
  Json document = mapped_json();
  document["normalizer"]["precompiled_charsmap"] =
      read_json(std::filesystem::path(HONE_SOURCE_DIR) / "tests" / "fuzz" / "corpus" / "tokenizer_json" /
                "growing_map.json")["normalizer"]["precompiled_charsmap"];
  const Tokenizer tokenizer = parse_tokenizer(document);
  EXPECT_TRUE(contains(error_of([&] { tokenizer.encode(std::string(2000, 'a')); }).message(), "limit"));
  EXPECT_TRUE(contains(error_of([&] { tokenizer.encode_with_offsets(std::string(2000, 'a')); }).message(), "limit"));
}

}  // namespace
}  // namespace hone::text
