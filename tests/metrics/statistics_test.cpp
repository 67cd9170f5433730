// Expected values: numpy 2.4 and scipy 1.17 (np.std(ddof=1), np.percentile, binomtest, its Wilson
// interval, stats.bootstrap with 200,000 resamples).
#include "metrics/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "base/strings.h"

namespace hone::metrics {
namespace {

const std::vector<double> kBefore = {0.542, 0.321, 0.498, 0.9, 0.15, 0.77, 0.33, 0.61, 0.48, 0.25};
const std::vector<double> kAfter = {0.784, 0.612, 0.751, 0.88, 0.35, 0.79, 0.30, 0.72, 0.66, 0.41};

TEST(Statistics, DescribeLikeNumpy) {
  EXPECT_DOUBLE_EQ(mean(kBefore), 0.4851);
  EXPECT_NEAR(standard_deviation(kBefore), 0.2335448802930844, 1e-15);
  EXPECT_DOUBLE_EQ(percentile(kBefore, 0), 0.15);
  EXPECT_DOUBLE_EQ(percentile(kBefore, 0.025), 0.1725);
  EXPECT_DOUBLE_EQ(percentile(kBefore, 0.33), 0.32973);
  EXPECT_DOUBLE_EQ(percentile(kBefore, 0.5), 0.489);
  EXPECT_DOUBLE_EQ(percentile(kBefore, 0.975), 0.87075);
  EXPECT_DOUBLE_EQ(percentile(kBefore, 1), 0.9);
  EXPECT_TRUE(std::isnan(mean({})));
  EXPECT_TRUE(std::isnan(standard_deviation(std::vector<double>{1})));
  EXPECT_TRUE(std::isnan(percentile({}, 0.5)));
}

// The table of improvements in the Korean lecture on evaluation that hone's examples follow.
TEST(Statistics, ImprovementPercent) {
  EXPECT_EQ(format("%+.1f", *improvement_percent(0.542, 0.784)), "+44.6");
  EXPECT_EQ(format("%+.1f", *improvement_percent(0.321, 0.612)), "+90.7");
  EXPECT_EQ(format("%+.1f", *improvement_percent(0.498, 0.751)), "+50.8");
  EXPECT_EQ(format("%+.1f", *improvement_percent(28.3, 53.7)), "+89.8");
  EXPECT_EQ(format("%+.1f", *improvement_percent(0.721, 0.892)), "+23.7");
  EXPECT_DOUBLE_EQ(*improvement_percent(-2, -1), 50);
  EXPECT_FALSE(improvement_percent(0, 1).has_value());
  EXPECT_FALSE(improvement_percent(NAN, 1).has_value());
}

TEST(Statistics, PerplexityIsExpOfMean) {
  EXPECT_NEAR(perplexity(5 * std::log(7.0), 5), 7.0, 1e-14);
}

TEST(Statistics, McNemarLikeScipy) {
  EXPECT_DOUBLE_EQ(mcnemar(0, 0).p_value, 1);
  EXPECT_DOUBLE_EQ(mcnemar(0, 1).p_value, 1);
  EXPECT_NEAR(mcnemar(3, 10).p_value, 0.09228515625, 1e-14);
  EXPECT_NEAR(mcnemar(10, 3).p_value, 0.09228515625, 1e-14);
  EXPECT_NEAR(mcnemar(3, 10).statistic, 2.769230769230769, 1e-14);
  EXPECT_DOUBLE_EQ(mcnemar(5, 5).p_value, 1);
  EXPECT_DOUBLE_EQ(mcnemar(5, 5).statistic, 0);
  EXPECT_NEAR(mcnemar(1, 20).p_value, 2.09808349609375e-05, 1e-18);
  EXPECT_NEAR(mcnemar(400, 480).p_value, 0.007707305043339153, 1e-13);
  const std::vector<double> before = {1, 1, 0, 0, 1}, after = {1, 0, 1, 1, 0};
  EXPECT_EQ(mcnemar(before, after).only_before, 2u);
  EXPECT_EQ(mcnemar(before, after).only_after, 2u);
}

TEST(Statistics, WilsonLikeScipy) {
  EXPECT_DOUBLE_EQ(wilson_interval(0, 10).low, 0);
  EXPECT_NEAR(wilson_interval(0, 10).high, 0.27753279986288926, 1e-14);
  EXPECT_NEAR(wilson_interval(10, 10).low, 0.7224672001371109, 1e-14);
  EXPECT_NEAR(wilson_interval(7, 20).low, 0.1811918241010821, 1e-14);
  EXPECT_NEAR(wilson_interval(7, 20).high, 0.5671457233147637, 1e-14);
}

TEST(Bootstrap, AgreesWithScipyWithinItsNoise) {
  const Comparison comparison = paired_bootstrap(kBefore, kAfter, {.replicates = 20000});
  EXPECT_NEAR(comparison.difference, 0.1406, 1e-12);
  // The standard error of a 2.5% percentile of 20,000 draws with deviation 0.035 is about 0.0007.
  EXPECT_NEAR(comparison.interval.low, 0.0710, 0.003);
  EXPECT_NEAR(comparison.interval.high, 0.2066, 0.003);
  EXPECT_LT(comparison.p_value, 0.001);

  const std::vector<double> zero(10, 0.0), noisy = {.5, -.2, .1, .4, -.3, .2, .05, -.1, .3, -.25};
  const Comparison unsure = paired_bootstrap(zero, noisy, {.replicates = 20000});
  EXPECT_NEAR(unsure.interval.low, -0.090, 0.006);
  EXPECT_NEAR(unsure.interval.high, 0.235, 0.006);
  EXPECT_NEAR(unsure.p_value, 0.4105, 0.015);
}

TEST(Bootstrap, DependsOnTheSeedAlone) {
  const Comparison first = paired_bootstrap(kBefore, kAfter), again = paired_bootstrap(kBefore, kAfter);
  EXPECT_EQ(first.interval.low, again.interval.low);
  EXPECT_EQ(first.p_value, again.p_value);
  EXPECT_NE(first.interval.low, paired_bootstrap(kBefore, kAfter, {.seed = 43}).interval.low);
}

TEST(Bootstrap, EqualSystemsDiffer0WithP1) {
  const Comparison same = paired_bootstrap(kBefore, kBefore);
  EXPECT_EQ(same.difference, 0);
  EXPECT_EQ(same.interval.low, 0);
  EXPECT_EQ(same.interval.high, 0);
  EXPECT_EQ(same.p_value, 1);
}

TEST(Bootstrap, CoversTheTruthAboutAsOftenAsItSays) {
  // 200 sets of 60 draws whose true mean is 0.5: about 95% of the intervals should hold it.
  int covered = 0;
  for (uint64_t set = 0; set < 200; ++set) {
    RandomStream random(7, set);
    std::vector<double> values(60);
    for (double& value : values) value = random.uniform();
    const Interval interval = bootstrap_interval(values, {.replicates = 400});
    covered += interval.low <= 0.5 && 0.5 <= interval.high;
  }
  EXPECT_GE(covered, 180);
  EXPECT_LT(covered, 200);
}

TEST(Bootstrap, ResamplesCountsOfACorpusRatherThanScores) {
  const std::vector<Sample> samples = {{"the cat sat on the mat", {"the cat sat on a mat"}},
                                       {"a dog", {"a dog barked at me all night long"}},
                                       {"서울의 인구는 천만 명이다", {"서울의 인구는 약 천만 명이다"}}};
  const MetricResult bleu = make_metric("bleu", {}, "test")->score(samples);
  const Comparison same = paired_bootstrap(bleu, bleu, {.replicates = 50});
  EXPECT_DOUBLE_EQ(same.before, bleu.score);
  EXPECT_EQ(same.difference, 0);
  const Interval interval = bootstrap_interval(bleu, {.replicates = 500});
  EXPECT_LT(interval.low, bleu.score);
  EXPECT_GT(interval.high, bleu.score);
}

TEST(Bootstrap, RefusesWhatItCannotAnswer) {
  EXPECT_THROW(paired_bootstrap(kBefore, std::vector<double>{1}), Error);
  EXPECT_THROW(paired_bootstrap(std::vector<double>{}, std::vector<double>{}), Error);
  EXPECT_THROW(bootstrap_interval(kBefore, {.replicates = 0}), Error);
  EXPECT_THROW(bootstrap_interval(kBefore, {.confidence = 1.5}), Error);
}

}  // namespace
}  // namespace hone::metrics
