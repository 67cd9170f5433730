#include "metrics/tokens.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "metrics/characters.h"
#include "metrics/porter_stemmer.h"

namespace hone::metrics {
namespace {

using Words = std::vector<std::string>;

Words cut(const std::string& tokenizer, std::string_view text) {
  Tokens tokens;
  tokenizers().at(tokenizer, "test").make(text, tokens);
  return tokens.list();
}

TEST(Tokenizers, DefaultKeepsEveryScript) {
  EXPECT_EQ(cut("default", "서울의 인구는, 약 천만 명입니다."), (Words{"서울의", "인구는", "약", "천만", "명입니다"}));
  EXPECT_EQ(cut("default", "GPT-4가 café에서 don't"), (Words{"GPT", "4가", "café에서", "don", "t"}));
  EXPECT_EQ(cut("default", "大韓民國 東京タワー"), (Words{"大", "韓", "民", "國", "東", "京", "タ", "ワ", "ー"}));
  EXPECT_EQ(cut("default", "좋아요😀👍 ㅋㅋㅋ!"), (Words{"좋아요", "😀", "👍", "ㅋㅋㅋ"}));
  EXPECT_EQ(cut("default", "hé\u00ADllo a\u200Bb"), (Words{"héllo", "a", "b"}));
  EXPECT_EQ(cut("default", " \t\n...—「」"), Words{});
}

TEST(Tokenizers, DefaultComposesJamo) {
  EXPECT_EQ(cut("default", "\u1112\u1161\u11AB\u1100\u116E\u11A8"), Words{"한국"});
}

TEST(Tokenizers, SyllablesAndBigrams) {
  EXPECT_EQ(cut("syllable", "한국어 GPT가"), (Words{"한", "국", "어", "GPT", "가"}));
  EXPECT_EQ(cut("hangul_bigram", "한국어를 약 GPT가"), (Words{"한국", "국어", "어를", "약", "GPT", "가"}));
  EXPECT_EQ(cut("char", "한 a."), (Words{"한", "a", "."}));
  EXPECT_EQ(cut("none", " 한 \u3000a.\x1f b"), (Words{"한", "a.", "b"}));
}

TEST(Tokenizers, KoreanPartsStemAndParticle) {
  EXPECT_EQ(cut("korean", "서울의 인구는 약 천만 명입니다"),
            (Words{"서울", "의", "인구", "는", "약", "천만", "명", "입니다"}));
  EXPECT_EQ(cut("korean", "서울 인구는 약 1천만 명입니다"),
            (Words{"서울", "인구", "는", "약", "1", "천만", "명", "입니다"}));
  EXPECT_EQ(cut("korean", "학교에서는 학생들에게까지"), (Words{"학교", "에서", "는", "학생들", "에게", "까지"}));
  EXPECT_EQ(cut("korean", "GPT가 3개를"), (Words{"GPT", "가", "3", "개", "를"}));
}

TEST(Tokenizers, KoreanParticlesFollowTheirSyllable) {
  // 은 이 을 과 need a final consonant, 는 가 를 와 an open syllable, 로 an open one or ㄹ.
  EXPECT_EQ(cut("korean", "사이 아이 가을 사과 회의 천만 나라"),
            (Words{"사이", "아이", "가을", "사과", "회의", "천만", "나라"}));
  EXPECT_EQ(cut("korean", "사람이 바다가 사람가 바다이"), (Words{"사람", "이", "바다", "가", "사람가", "바다이"}));
  EXPECT_EQ(cut("korean", "서울로 부산으로 부산로"), (Words{"서울", "로", "부산", "으로", "부산로"}));
  EXPECT_EQ(cut("korean", "는 입니다 에서"), (Words{"는", "입니다", "에서"}));  // nothing would remain
}

TEST(Tokenizers, MtevalFollowsTheChainOfSubstitutions) {
  EXPECT_EQ(cut("13a", "Hello, world! 3.14, 1,000 a-b 5-6 \"x\"&quot; it's."),
            (Words{"Hello", ",", "world", "!", "3.14", ",", "1,000", "a-b", "5", "-", "6", "\"", "x", "\"", "\"",
                   "it's", "."}));
  EXPECT_EQ(cut("13a", "a<skipped>b-\nc\nd"), (Words{"abc", "d"}));
  EXPECT_EQ(cut("zh", "我爱NLP。ok"), (Words{"我", "爱", "NLP", "。", "ok"}));
  EXPECT_EQ(cut("intl", "1,5 «ok»€5"), (Words{"1,5", "«", "ok", "»", "€", "5"}));
}

TEST(Tokenizers, RougeScoreLosesHangul) {
  EXPECT_EQ(cut("rouge_score", "서울 Seoul's 2026년 \u212Ag"), (Words{"seoul", "s", "2026", "kg"}));
  EXPECT_EQ(cut("rouge_score", "서울의 인구"), Words{});
}

TEST(Tokenizers, EachTakesAnyBytesAndGivesNoEmptyToken) {
  for (const auto& entry : tokenizers().entries()) {
    for (uint64_t round = 0; round < 300; ++round) {
      RandomStream random(3, round);
      std::string text;
      for (uint64_t i = random.below(40); i > 0; --i) text += static_cast<char>(random.below(256));
      Tokens tokens;
      entry.make(text, tokens);
      for (size_t i = 0; i < tokens.size(); ++i) EXPECT_FALSE(tokens[i].empty()) << entry.name;
    }
  }
}

TEST(Characters, LowerCaseLikePython) {
  EXPECT_EQ(to_lower("ABC Éß"), "abc éß");
  EXPECT_EQ(to_lower("ΌΣΟΣ ΣΑΣ Σ"), "όσος σας σ");
  EXPECT_EQ(to_lower("ΑΣ.Β ΑΣ. "), "ασ.β ας. ");  // a full stop is ignored when looking for the next letter
  EXPECT_EQ(to_lower("İ"), "i\u0307");
}

TEST(Characters, MalformedBytesReadLikePython) {
  // bytes.decode("utf-8", "replace") gives one U+FFFD for each maximal part.
  EXPECT_EQ(repair_utf8("a\xE2\x82z"), "a\uFFFDz");
  EXPECT_EQ(repair_utf8("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(repair_utf8("\xF0\x9F\x98"), "\uFFFD");
  EXPECT_EQ(repair_utf8("\xC0\xAF\xFF"), "\uFFFD\uFFFD\uFFFD");
  EXPECT_FALSE(is_valid_utf8("\xF4\x90\x80\x80"));
  EXPECT_TRUE(is_valid_utf8("\xF4\x8F\xBF\xBF 한"));
}

TEST(Characters, NormalizeAndStrip) {
  EXPECT_EQ(normalize("\u1112\u1161\u11AB e\u0301", Normalization::kNfc), "한 é");
  EXPECT_EQ(normalize("ＡＢ㎏", Normalization::kNfkc), "ABkg");
  EXPECT_EQ(normalize("e\u0301", Normalization::kNone), "e\u0301");
  EXPECT_EQ(strip("\u3000 한 \u2028\xC2\xA0"), "한");
  EXPECT_EQ(strip_right(" a \x80"), " a \x80");
}

// Pairs from nltk 3.10's PorterStemmer; a list of 227,396 words agreed when this was written.
TEST(PorterStemmer, LikeNltk) {
  const std::pair<const char*, const char*> pairs[] = {{"caresses", "caress"},   {"ponies", "poni"},
                                                       {"dies", "die"},          {"agreed", "agre"},
                                                       {"plastered", "plaster"}, {"hopping", "hop"},
                                                       {"falling", "fall"},      {"filing", "file"},
                                                       {"happy", "happi"},       {"enjoy", "enjoy"},
                                                       {"relational", "relat"},  {"conditional", "condit"},
                                                       {"radically", "radic"},   {"theology", "theolog"},
                                                       {"hopefulness", "hope"},  {"electriciti", "electr"},
                                                       {"adoption", "adopt"},    {"replacement", "replac"},
                                                       {"rate", "rate"},         {"controll", "control"},
                                                       {"skies", "sky"},         {"news", "news"},
                                                       {"dying", "die"},         {"succeed", "succeed"},
                                                       {"yyyyying", "yyyi"},     {"ied", "i"},
                                                       {"spied", "spi"},         {"2nd", "2nd"}};
  for (const auto& [word, stem] : pairs) EXPECT_EQ(porter_stem(word), stem) << word;
}

}  // namespace
}  // namespace hone::metrics
