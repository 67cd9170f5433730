// The hand-written matchers of published split patterns against PCRE2 running the regular expression itself.
#include <gtest/gtest.h>

#include "error_of.h"
#include "text/random_text.h"
#include "text/tokenizers/pattern.h"

namespace hone::text {
namespace {

// As published: GPT-2 in two spellings, Llama 3 (cl100k), Qwen 2, cl100k_base's own two, o200k.
const std::string kSources[] = {
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
    R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)",
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)",
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};

std::vector<std::string> pieces(const Pattern& pattern, const std::string& text) {
  std::vector<Match> matches;
  pattern.find(text, matches);
  std::vector<std::string> out;
  for (const Match& match : matches) out.push_back(text.substr(match.begin, match.end - match.begin));
  return out;
}

TEST(SplitPatterns, HandWrittenMatchersEqualTheRegularExpression) {
  for (size_t number = 0; number < std::size(kSources); ++number) {
    const auto known = make_known_pattern(kSources[number]);
    ASSERT_NE(known, nullptr) << "no matcher is used for pattern " << number;
    const auto regex = make_regex(kSources[number], "test");
    RandomStream random(20240607, number);
    size_t cuts = 0;
    for (int i = 0; i < 4000; ++i) {
      const std::string text = random_text(random, 24);
      const auto got = pieces(*known, text);
      ASSERT_EQ(got, pieces(*regex, text)) << "pattern " << number << ", text " << i << ": " << text;
      cuts += got.size();
    }
    EXPECT_GT(cuts, 20000u);  // the texts were not all empty
  }
}

TEST(SplitPatterns, Gpt2CutsAsPublished) {
  const auto gpt2 = make_known_pattern(kSources[0]);
  EXPECT_EQ(pieces(*gpt2, "Hello, it's  한국어 2024!\n"),
            (std::vector<std::string>{"Hello", ",", " it", "'s", " ", " 한국어", " 2024", "!", "\n"}));
}

TEST(SplitPatterns, Cl100kCutsNumbersInThreesAndIgnoresCase) {
  const auto cl100k = make_known_pattern(kSources[2]);
  EXPECT_EQ(pieces(*cl100k, "IT'S 12345\n\n  x"),
            (std::vector<std::string>{"IT", "'S", " ", "123", "45", "\n\n", " ", " x"}));
}

TEST(SplitPatterns, OtherSpellingsGoToTheRegularExpression) {
  EXPECT_EQ(make_known_pattern(R"(\p{L}+)"), nullptr);
}

TEST(SplitPatterns, BadExpressionsAndRunawayOnesAreErrors) {
  EXPECT_TRUE(contains(error_of([] { make_regex("(a", "tokenizer.json: p"); }).what(), "tokenizer.json: p"));
  EXPECT_TRUE(contains(error_of([] { make_regex(std::string(100000, 'a'), "p"); }).what(), "100000"));
  const auto runaway = make_regex("(?:a|aa|a)+$", "p");
  std::vector<Match> out;
  EXPECT_EQ(error_of([&] { runaway->find(std::string(60, 'a') + "b", out); }).kind(), ErrorKind::kFailure);
}

TEST(SplitPatterns, BehavioursAsTheReferenceDefinesThem) {
  const auto split = [](SplitBehavior behavior, bool invert = false) {
    PieceList list;
    const std::string text = "the-final--countdown";
    list.text.reset(text, 0, false);
    list.pieces = {{0, static_cast<uint32_t>(text.size())}};
    split_pieces(list, *make_literal("-"), behavior, invert);
    std::string out;
    for (const ByteRange piece : list.pieces) out.append(list.view(piece)).append("|");
    return out;
  };
  EXPECT_EQ(split(SplitBehavior::kRemoved), "the|final|countdown|");
  EXPECT_EQ(split(SplitBehavior::kIsolated), "the|-|final|-|-|countdown|");
  EXPECT_EQ(split(SplitBehavior::kMergedWithPrevious), "the-|final-|-|countdown|");
  EXPECT_EQ(split(SplitBehavior::kMergedWithNext), "the|-final|-|-countdown|");
  EXPECT_EQ(split(SplitBehavior::kContiguous), "the|-|final|--|countdown|");
  EXPECT_EQ(split(SplitBehavior::kRemoved, true), "-|-|-|");
}

}  // namespace
}  // namespace hone::text
