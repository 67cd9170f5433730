#include "metrics/metric.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/random.h"
#include "metrics/lcs.h"
#include "metrics/ngrams.h"
#include "metrics/read_texts.h"

namespace hone::metrics {
namespace {

double detail(const MetricResult& result, const std::string& name) {
  for (const auto& [key, value] : result.details) {
    if (key == name) return std::get<double>(value);
  }
  ADD_FAILURE() << "no detail " << name;
  return 0;
}

MetricResult score(const std::string& metric, const std::string& prediction, const std::string& reference,
                   const MetricOptions& options = {}) {
  return make_metric(metric, options, "test")->score(std::vector<Sample>{{prediction, {reference}}});
}

// The two worked examples of the Korean lecture on evaluation that hone's examples follow.
TEST(Rouge, KoreanExampleOfTheLecture) {
  const std::string reference = "서울의 인구는 약 천만 명입니다", prediction = "서울 인구는 약 1천만 명입니다";
  // Seven of eight: 서울 인구 는 약 천만 명 입니다 of 서울 의 인구 는 약 천만 명 입니다.
  EXPECT_DOUBLE_EQ(detail(score("rouge1", prediction, reference, {.rouge_tokenizer = "korean"}), "recall"), 7.0 / 8);
  // By eojeol three of five match: 인구는 약 명입니다.
  EXPECT_DOUBLE_EQ(detail(score("rouge1", prediction, reference), "recall"), 3.0 / 5);
}

TEST(Rouge, EnglishExampleOfTheLecture) {
  const MetricResult rouge = score("rouge1", "the cat sat", "the cat is on the mat");
  EXPECT_DOUBLE_EQ(detail(rouge, "recall"), 2.0 / 6);
  const MetricResult bleu = score("bleu1", "the cat sat", "the cat is on the mat");
  EXPECT_DOUBLE_EQ(std::get<std::vector<double>>(bleu.details[1].second)[0], 100 * 2.0 / 3);
  EXPECT_DOUBLE_EQ(detail(bleu, "brevity_penalty"), std::exp(1 - 6.0 / 3));
}

TEST(Rouge, ReferenceWithoutTokensIsNeverASilentZero) {
  const MetricOptions compatible{.rouge_tokenizer = "rouge_score"};
  try {
    score("rouge1", "서울", "서울의 인구", compatible);
    FAIL() << "a figure of 0 was returned";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 2);
    EXPECT_NE(error.message().find("서울의 인구"), std::string::npos);
    EXPECT_NE(error.remedy().find("--rouge-tokenizer default"), std::string::npos);
  }
  const std::vector<Sample> mixed = {{"a b", {"a b"}}, {"서울", {"서울"}}, {"", {""}}};
  const MetricResult result = make_metric("rougeL", compatible, "test")->score(mixed);
  ASSERT_EQ(result.warnings.size(), 1u);
  EXPECT_NE(result.warnings[0].find("reference 2"), std::string::npos) << result.warnings[0];
  EXPECT_NE(result.warnings[0].find("1 of 2"), std::string::npos) << result.warnings[0];
  EXPECT_TRUE(make_metric("rougeL", {}, "test")->score(mixed).warnings.empty());
}

TEST(Metrics, IdenticalTextsScoreFull) {
  const std::vector<Sample> samples = {{"대한민국의 주권은 국민에게 있고 모든 권력은 국민으로부터 나온다",
                                        {"대한민국의 주권은 국민에게 있고 모든 권력은 국민으로부터 나온다"}}};
  for (const auto& entry : metrics().entries()) {
    const MetricResult result = make_metric(entry.name, {}, "test")->score(samples);
    const bool percent = entry.name.starts_with("bleu") || entry.name.starts_with("chrf");
    EXPECT_NEAR(result.score, percent ? 100 : 1, 1e-12) << entry.name;
    EXPECT_FALSE(result.signature.empty());
  }
}

TEST(Metrics, EveryRegistryEntryKeepsItsPromises) {
  const std::vector<Sample> samples = {{"the cat sat", {"the cat is on the mat"}}, {"", {"x"}}, {"가 나", {"나 가"}}};
  for (const auto& entry : metrics().entries()) {
    const MetricResult result = make_metric(entry.name, {}, "test")->score(samples);
    EXPECT_EQ(result.name, entry.name);
    ASSERT_EQ(result.per_example.size(), samples.size()) << entry.name;
    ASSERT_EQ(result.rows.size(), samples.size() * result.width) << entry.name;
    std::vector<double> sum(result.width, 0.0);
    for (size_t at = 0; at < result.rows.size(); ++at) sum[at % result.width] += result.rows[at];
    EXPECT_DOUBLE_EQ(result.score_of(sum), result.score) << entry.name;
    EXPECT_TRUE(to_json(result).contains("signature"));
  }
}

TEST(Metrics, UnknownNamesAreAnsweredWithTheNearest) {
  const auto message_of = [](const std::string& name, const MetricOptions& options) {
    try {
      make_metric(name, options, "--metrics");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_NE(message_of("rouge-1", {}).find("did you mean \"rouge1\""), std::string::npos);
  EXPECT_NE(message_of("rouge1", {.rouge_tokenizer = "corean"}).find("did you mean \"korean\""), std::string::npos);
  EXPECT_NE(message_of("bleu", {.bleu_smoothing = "flor"}).find("did you mean \"floor\""), std::string::npos);
}

TEST(ExactMatch, SpacesFormsAndCase) {
  EXPECT_EQ(score("exact_match", " 서울  특별시\n", "서울 특별시").score, 1);
  EXPECT_EQ(score("exact_match", "\u1112\u1161\u11AB", "한").score, 1);
  EXPECT_EQ(score("exact_match", "Seoul.", "seoul").score, 0);
  EXPECT_EQ(score("exact_match_loose", "Seoul.", "seoul").score, 1);
}

// --- the parts, against the plain definition ---------------------------------------------------------

std::vector<uint32_t> draw(RandomStream& random, size_t most, uint64_t symbols) {
  std::vector<uint32_t> out(random.below(most + 1));
  for (uint32_t& token : out) token = static_cast<uint32_t>(random.below(symbols));
  return out;
}

/// The full table, and the positions that rouge-score's back-tracking marks.
size_t plain_lcs(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b, std::vector<uint8_t>& used) {
  std::vector<std::vector<size_t>> table(a.size() + 1, std::vector<size_t>(b.size() + 1, 0));
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      table[i][j] = a[i - 1] == b[j - 1] ? table[i - 1][j - 1] + 1 : std::max(table[i - 1][j], table[i][j - 1]);
    }
  }
  for (size_t i = a.size(), j = b.size(); i > 0 && j > 0;) {
    if (a[i - 1] == b[j - 1]) {
      used[i - 1] = 1;
      --i, --j;
    } else if (table[i][j - 1] > table[i - 1][j]) {
      --j;
    } else {
      --i;
    }
  }
  return table[a.size()][b.size()];
}

TEST(Lcs, EqualsTheTable) {
  LongestCommonSubsequence lcs;
  for (uint64_t round = 0; round < 600; ++round) {
    RandomStream random(17, round);
    const uint64_t symbols = 1 + random.below(round % 3 == 0 ? 3 : 40);
    const auto a = draw(random, 200, symbols), b = draw(random, 200, symbols + 2);
    std::vector<uint8_t> expected(a.size(), 0), marked(a.size(), 0);
    EXPECT_EQ(lcs.length(a, b), plain_lcs(a, b, expected));
    lcs.mark(a, b, marked);
    EXPECT_EQ(marked, expected) << "round " << round;
  }
}

TEST(Ngrams, EqualCountsOfTheDefinition) {
  NgramCounter counter;
  for (uint64_t round = 0; round < 300; ++round) {
    RandomStream random(23, round);
    const auto prediction = draw(random, 60, 4);
    std::vector<std::vector<uint32_t>> references(1 + random.below(3));
    for (auto& reference : references) reference = draw(random, 60, 4);
    counter.start(prediction, references);
    for (size_t n = 1; n <= 6; ++n) {
      const auto count = [n](const std::vector<uint32_t>& text) {
        std::map<std::vector<uint32_t>, int64_t> counts;
        for (size_t i = 0; i + n <= text.size(); ++i) ++counts[{text.begin() + i, text.begin() + i + n}];
        return counts;
      };
      int64_t total = 0, matched = 0;
      for (const auto& [ngram, times] : count(prediction)) {
        int64_t limit = 0;
        for (const auto& reference : references) limit = std::max(limit, count(reference)[ngram]);
        total += times;
        matched += std::min(times, limit);
      }
      const NgramMatch match = counter.next_order();
      EXPECT_EQ(match.prediction, total);
      EXPECT_EQ(match.matched, matched) << "round " << round << ", n " << n;
    }
  }
}

TEST(Vocabulary, NumbersAreStableWhileItGrows) {
  Vocabulary vocabulary;
  for (uint32_t i = 0; i < 5000; ++i) EXPECT_EQ(vocabulary.number("토큰" + std::to_string(i)), i);
  for (uint32_t i = 0; i < 5000; ++i) EXPECT_EQ(vocabulary.number("토큰" + std::to_string(i)), i);
  EXPECT_EQ(vocabulary.number(""), 5000u);
  EXPECT_EQ(vocabulary.size(), 5001u);
}

// --- reading ------------------------------------------------------------------------------------------

TEST(ReadTexts, PlainLines) {
  const Texts texts = parse_texts("\xEF\xBB\xBF하나\r\n\n둘\tb", "p.txt");
  EXPECT_FALSE(texts.jsonl);
  EXPECT_EQ(texts.texts, (std::vector<std::string>{"하나", "", "둘\tb"}));
  EXPECT_EQ(parse_texts("{not json\n", "p.txt").texts, std::vector<std::string>{"{not json"});
  EXPECT_TRUE(parse_texts("", "p.txt").texts.empty());
  EXPECT_EQ(parse_texts("a\xFF\n", "p.txt").malformed, 1u);
}

TEST(ReadTexts, Jsonl) {
  const Texts texts = parse_texts("\n{\"text\": \"하나\\n둘\", \"ids\": [1]}\n\n{\"text\": \"\"}\n", "p.jsonl");
  EXPECT_TRUE(texts.jsonl);
  EXPECT_EQ(texts.texts, (std::vector<std::string>{"하나\n둘", ""}));
  EXPECT_EQ(parse_texts("{\"answer\": \"x\"}", "p.jsonl", "answer").texts, std::vector<std::string>{"x"});
}

TEST(ReadTexts, FaultsNameFileLineAndField) {
  const auto message_of = [](const char* content, const std::string& field) {
    try {
      parse_texts(content, "p.jsonl", field);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_NE(message_of("{\"text\": 1}", "text").find("p.jsonl:1"), std::string::npos);
  EXPECT_NE(message_of("{\"text\": 1}", "text").find("number"), std::string::npos);
  const std::string missing = message_of("{\"text\": \"a\"}\n{\"texts\": \"a\"}", "text");
  EXPECT_NE(missing.find("p.jsonl:2"), std::string::npos);
  EXPECT_NE(missing.find("did you mean \"texts\""), std::string::npos) << missing;
  EXPECT_NE(message_of("{\"text\": \"a\"}\n{\"text\": \"a", "text").find("p.jsonl:2"), std::string::npos);
}

}  // namespace
}  // namespace hone::metrics
