#include "generate/sampling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"

namespace hone::generate {
namespace {

constexpr float kOut = -std::numeric_limits<float>::infinity();

SamplingOptions options_of(const Json& json) {
  SamplingOptions options;
  options.temperature = json.value("temperature", 0.0);
  options.top_k = json.value("top_k", int64_t{0});
  options.top_p = json.value("top_p", 1.0);
  options.min_p = json.value("min_p", 0.0);
  options.repetition_penalty = json.value("repetition_penalty", 1.0);
  return options;
}

TEST(Sampling, ProcessedScoresEqualTransformers) {
  const Json goldens = read_json(HONE_SOURCE_DIR "/tests/data/generate/processors.json");
  const TokenCounts counts(goldens.at("ids").get<std::vector<int32_t>>());
  size_t compared = 0;
  for (const Json& golden : goldens.at("cases")) {
    SCOPED_TRACE(golden.at("options").dump() + " " + golden.at("row").get<std::string>());
    auto scores = goldens.at("rows").at(golden.at("row").get<std::string>()).get<std::vector<float>>();
    Sampler(options_of(golden.at("options"))).process(scores, counts);
    std::vector<float> expected;
    for (const Json& score : golden.at("scores")) expected.push_back(score.is_null() ? kOut : score.get<float>());
    ASSERT_EQ(scores.size(), expected.size());
    if (golden.at("row") == "ties") {  // which of equal scores top_p cuts is left open by torch.sort
      std::sort(scores.begin(), scores.end());
      std::sort(expected.begin(), expected.end());
    }
    for (size_t i = 0; i < scores.size(); ++i) {
      ASSERT_FLOAT_EQ(scores[i], expected[i]) << "token " << i;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 16u * 4 * 200);
}

TEST(Sampling, EveryProcessorIsOffByDefault) {
  ASSERT_FALSE(processors().entries().empty());
  for (const auto& entry : processors().entries()) {
    EXPECT_EQ(entry.make({}), nullptr) << entry.name;
    EXPECT_FALSE(entry.summary.empty()) << entry.name;
  }
  EXPECT_TRUE(Sampler({}).plain_greedy());
  EXPECT_FALSE(Sampler({.repetition_penalty = 1.1}).plain_greedy());
  EXPECT_FALSE(Sampler({.temperature = 1}).plain_greedy());
}

TEST(Sampling, FrequencyAndPresenceCountTheAnswerAlone) {
  TokenCounts counts(std::vector<int32_t>{0, 1});
  counts.add(1);
  counts.add(2);
  counts.add(2);
  std::vector<float> scores = {1, 1, 1, 1};
  Sampler({.frequency_penalty = 0.5, .presence_penalty = 0.25}).process(scores, counts);
  EXPECT_EQ(scores, (std::vector<float>{1, 0.25f, -0.25f, 1}));
}

TEST(Sampling, GreedyTakesTheFirstLargestAndIgnoresWarpers) {
  std::vector<float> scores = {0, 3, 3, -1};
  RandomStream random(1);
  EXPECT_EQ(Sampler({.top_k = 1, .top_p = 0.1, .min_p = 0.5}).choose(scores, {}, random), 1);
  EXPECT_EQ(scores[3], -1);
  EXPECT_EQ(random.position(), 0u);
}

TEST(Sampling, DrawsFollowTheDistribution) {
  const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.2f), kOut};
  const Sampler sampler({.temperature = 1});
  RandomStream random(7);
  std::vector<double> seen(4);
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    std::vector<float> scores = logits;
    ++seen[static_cast<size_t>(sampler.choose(scores, {}, random))];
  }
  double chi_squared = 0;
  const double expected[] = {0.5, 0.3, 0.2};
  for (size_t i = 0; i < 3; ++i) chi_squared += std::pow(seen[i] - kDraws * expected[i], 2) / (kDraws * expected[i]);
  EXPECT_LT(chi_squared, 13.8);  // 99.9% of two degrees of freedom; the seed is fixed
  EXPECT_EQ(seen[3], 0);
}

TEST(Sampling, RefusesScoresThatAreNotNumbers) {
  RandomStream random(1);
  std::vector<float> nan = {0, std::nanf("")}, none = {kOut, kOut};
  EXPECT_THROW(Sampler({}).choose(nan, {}, random), Error);
  EXPECT_THROW(Sampler({}).choose(none, {}, random), Error);
}

TEST(Sampling, RefusesOptionsOutOfRange) {
  const auto place_of = [](const SamplingOptions& options) {
    try {
      Sampler{options};
    } catch (const Error& error) {
      return error.place();
    }
    return std::string();
  };
  EXPECT_EQ(place_of({.temperature = -1}), "temperature");
  EXPECT_EQ(place_of({.temperature = std::nan("")}), "temperature");
  EXPECT_EQ(place_of({.top_k = -1}), "top_k");
  EXPECT_EQ(place_of({.top_p = 1.5}), "top_p");
  EXPECT_EQ(place_of({.min_p = -0.1}), "min_p");
  EXPECT_EQ(place_of({.repetition_penalty = 0}), "repetition_penalty");
  EXPECT_EQ(place_of({.frequency_penalty = 3}), "frequency_penalty");
  EXPECT_EQ(place_of({.temperature = 0.7, .top_k = 40, .top_p = 0.9, .min_p = 0.1}), "");
}

}  // namespace
}  // namespace hone::generate
