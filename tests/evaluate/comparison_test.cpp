#include "evaluate/comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace hone::evaluate {
namespace {

metrics::MetricResult mean_of(const std::string& name, const std::vector<double>& values) {
  metrics::MetricResult result;
  result.name = name;
  result.width = 2;
  for (const double value : values) result.rows.insert(result.rows.end(), {value, 1.0});
  result.score_of = [](std::span<const double> sum) { return sum[0] / sum[1]; };
  metrics::finish_result(result);
  return result;
}

/// Loss about `loss`, rouge about `rouge`.
Contender contender(const std::string& name, double loss, double rouge, size_t examples = 40) {
  Contender made{name, {}};
  std::vector<double> losses, rouges;
  for (size_t i = 0; i < examples; ++i) {
    losses.push_back(loss + 0.01 * static_cast<double>(i % 5));
    rouges.push_back(rouge + 0.001 * static_cast<double>(i % 7));
    made.evaluation.with_loss.push_back(i);
    made.evaluation.answers.push_back({i, "질문 " + std::to_string(i), "정답", name + "의 답", "stop", 3});
  }
  made.evaluation.results = {mean_of("loss", losses), mean_of("rouge1", rouges)};
  return made;
}

TEST(Comparison, ImprovementPointsTheWayOfEachMetric) {
  const auto rows = compare({contender("before", 2, 0.2), contender("after", 1, 0.4)});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_NEAR(*rows[0].improvement_percent, 100.0 / 2.02, 1e-9);
  EXPECT_GT(*rows[1].improvement_percent, 90);
  EXPECT_LT(rows[0].significance->p_value, 0.01);
  EXPECT_LT(rows[0].significance->interval.high, 0);
  const auto back = compare({contender("before", 1, 0.4), contender("after", 2, 0.2)});
  EXPECT_LT(*back[0].improvement_percent, -90);
  EXPECT_LT(*back[1].improvement_percent, -40);
}

TEST(Comparison, LastIsComparedWithFirst) {
  const auto rows = compare({contender("a", 2, 0.2), contender("b", 9, 0.9), contender("c", 2, 0.2)});
  EXPECT_EQ(*rows[0].improvement_percent, 0);
  EXPECT_EQ(rows[0].values.size(), 3u);
  EXPECT_EQ(rows[0].significance->p_value, 1);
}

TEST(Comparison, OtherExamplesAreNotPaired) {
  auto after = contender("after", 1, 0.4);
  after.evaluation.with_loss.back() = 99;
  const auto rows = compare({contender("before", 2, 0.2), after});
  EXPECT_FALSE(rows[0].significance);
  EXPECT_TRUE(rows[1].significance);
}

TEST(Comparison, FewExamplesProveNothing) {
  for (const size_t few : {1u, 5u}) {
    const std::vector<Contender> both = {contender("before", 9, 0.1, few), contender("after", 1, 0.9, few)};
    const auto rows = compare(both);
    EXPECT_FALSE(rows[0].significance);
    EXPECT_TRUE(to_json(both, rows, 0)["metrics"]["loss"]["p_value"].is_null());
    EXPECT_NE(to_text(both, rows, 0, 80).find("too few examples"), std::string::npos);
  }
  // Six pairs, all better: an exact test over signs gives 2 in 2^6.
  const auto rows = compare({contender("before", 9, 0.1, 6), contender("after", 1, 0.9, 6)});
  EXPECT_EQ(rows[0].significance->p_value, 1.0 / 32);
}

TEST(Comparison, NothingFromZero) {
  const auto rows = compare({contender("before", 2, 0), contender("after", 1, 0.4)});
  std::vector<Contender> zero = {contender("before", 2, 0), contender("after", 1, 0.4)};
  zero[0].evaluation.results[1] = mean_of("rouge1", std::vector<double>(40, 0.0));
  EXPECT_FALSE(compare(zero)[1].improvement_percent);
  EXPECT_NE(to_text(zero, compare(zero), 0, 80).find("▲ from 0"), std::string::npos);
  EXPECT_TRUE(to_json(zero, compare(zero), 0)["metrics"]["rouge1"]["improvement_percent"].is_null());
}

TEST(Comparison, PerplexityIsAsSureAsTheLoss) {
  std::vector<Contender> both = {contender("before", 2, 0.2), contender("after", 1.98, 0.2)};
  for (Contender& one : both) {
    auto perplexity = one.evaluation.results[0];
    perplexity.name = "perplexity";
    perplexity.score_of = [](std::span<const double> sum) { return std::exp(sum[0] / sum[1]); };
    metrics::finish_result(perplexity);
    one.evaluation.results.push_back(perplexity);
  }
  const auto rows = compare(both);
  EXPECT_EQ(rows[2].significance->p_value, rows[0].significance->p_value);
  EXPECT_NEAR(rows[2].significance->difference, rows[2].values[1] - rows[2].values[0], 1e-12);
}

TEST(Comparison, JsonForm) {
  const std::vector<Contender> both = {contender("before", 2, 0.2), contender("after", 1, 0.4)};
  const Json document = to_json(both, compare(both), 3);
  EXPECT_EQ(document["models"], Json({"before", "after"}));
  EXPECT_EQ(document["metrics"]["loss"]["before"], both[0].evaluation.results[0].score);
  EXPECT_EQ(document["metrics"]["loss"]["after"], both[1].evaluation.results[0].score);
  EXPECT_TRUE(document["metrics"]["rouge1"]["improvement_percent"].is_number());
  ASSERT_EQ(document["samples"].size(), 3u);
  EXPECT_EQ(document["samples"][0]["answers"]["after"], "after의 답");
}

TEST(Comparison, EveryLineOfAnExampleFitsTheWidth) {
  std::vector<Contender> both = {contender("before", 2, 0.2), contender("미세조정 후", 1, 0.4)};
  both[1].evaluation.answers[0].text =
      "가나다라마바사아자차카타파하 가나다라마바사 the quick brown fox\n\nhttps://example.com/" + std::string(90, 'x');
  const std::string text = to_text(both, compare(both), 2, 60);
  EXPECT_NE(text.find("▲"), std::string::npos);
  const size_t samples = text.find("── example 1 ");
  ASSERT_NE(samples, std::string::npos);
  for (const std::string& line : split(text.substr(samples), '\n')) EXPECT_LE(display_width(line), 60u) << line;
}

TEST(Wrap, KeepsWordsAndCountsWideCharactersTwice) {
  EXPECT_EQ(wrap("the quick brown fox", 10, 9), (std::vector<std::string>{"the quick", "brown fox"}));
  EXPECT_EQ(wrap("가나다라마", 4, 9), (std::vector<std::string>{"가나", "다라", "마"}));
  EXPECT_EQ(wrap("가나다라마", 5, 9), (std::vector<std::string>{"가나", "다라", "마"}));
  EXPECT_EQ(wrap("abcdefgh", 3, 9), (std::vector<std::string>{"abc", "def", "gh"}));
  EXPECT_EQ(wrap("one two three four", 5, 2), (std::vector<std::string>{"one", "two…"}));
  EXPECT_EQ(wrap("a\nb\x1b[31m", 20, 9), (std::vector<std::string>{"a ¶ b[31m"}));
  EXPECT_EQ(wrap("", 20, 9), (std::vector<std::string>{"(nothing)"}));
}

TEST(Wrap, LosesNothingAndOverflowsNowhere) {
  const std::string text = "한국어 문장과 English words, 그리고 아주긴단어가나다라마바사아자차카타파하 mixed 123.";
  for (size_t width = 2; width < 60; ++width) {
    std::string joined;
    for (const std::string& line : wrap(text, width, 1000)) {
      EXPECT_LE(display_width(line), width);
      for (const char c : line) joined += c == ' ' ? "" : std::string(1, c);
    }
    std::string wanted;
    for (const char c : text) wanted += c == ' ' ? "" : std::string(1, c);
    EXPECT_EQ(joined, wanted) << width;
  }
}

}  // namespace
}  // namespace hone::evaluate
