#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/random.h"
#include "metrics/ab/experiment.h"

namespace hone::metrics {
namespace {

Moments normal(uint64_t count, double mean, double deviation) {
  return {count, mean, deviation * deviation * static_cast<double>(count - 1)};
}

/// Thumbs decide, latency is a guard rail of 10%.
Experiment experiment(uint64_t control_ups, uint64_t treatment_ups, uint64_t n, double treatment_ms) {
  return {
      {{"thumbs"}, {.name = "latency_ms", .kind = MetricKind::kMean, .higher_is_better = false, .max_worsening = 0.1}},
      {{"control", 0.5, n, {Moments::of_binary(control_ups, n), normal(n, 100, 30)}},
       {"treatment", 0.5, n, {Moments::of_binary(treatment_ups, n), normal(n, treatment_ms, 30)}}}};
}

TEST(Experiment, NoWinnerWhileTheIntervalHoldsNought) {
  const Analysis analysis = analyse(experiment(500, 510, 1000, 100));
  EXPECT_EQ(analysis.verdict, Verdict::kUndecided);
  EXPECT_NE(analysis.reason.english.find("holds 0"), std::string::npos);
  EXPECT_NE(analysis.reason.korean.find("승자가 없습니다"), std::string::npos);
}

TEST(Experiment, WinnerWithItsReason) {
  const Analysis analysis = analyse(experiment(500, 600, 1000, 100));
  EXPECT_EQ(analysis.verdict, Verdict::kWinner);
  EXPECT_EQ(analysis.winner, "treatment");
  EXPECT_EQ(analysis.treatments[0].guards[0].state, Guard::kSafe);
  EXPECT_NE(analysis.reason.english.find("treatment wins: thumbs is better than the control's (+20.0%)"),
            std::string::npos);
}

TEST(Experiment, WorseIsRolledBack) {
  const Analysis analysis = analyse(experiment(600, 500, 1000, 100));
  EXPECT_EQ(analysis.verdict, Verdict::kRollBack);
  EXPECT_NE(analysis.reason.english.find("thumbs is worse"), std::string::npos);
}

TEST(Experiment, ABreachedGuardRailRollsAWinnerBack) {
  const Analysis analysis = analyse(experiment(500, 600, 1000, 130));
  EXPECT_EQ(analysis.treatments[0].guards[0].state, Guard::kBreached);
  EXPECT_EQ(analysis.verdict, Verdict::kRollBack);
  EXPECT_NE(analysis.reason.english.find("guard rail latency_ms"), std::string::npos);
}

TEST(Experiment, AGuardRailThatIsNotDecidedHoldsAWinnerUp) {
  const Analysis analysis = analyse(experiment(500, 600, 1000, 108));
  EXPECT_EQ(analysis.treatments[0].guards[0].state, Guard::kUndecided);
  EXPECT_EQ(analysis.verdict, Verdict::kUndecided);
  EXPECT_EQ(analysis.winner, "");
  EXPECT_NE(analysis.reason.english.find("not yet decided"), std::string::npos);
}

TEST(Experiment, TooEarlyWhateverItLooksLike) {
  const Analysis analysis = analyse(experiment(0, 99, 99, 100));
  EXPECT_EQ(analysis.verdict, Verdict::kTooEarly);
  EXPECT_NE(analysis.reason.english.find("99 / 100"), std::string::npos);
  EXPECT_EQ(analyse(experiment(10, 90, 100, 100)).verdict, Verdict::kUndecided);  // the guard rail is open
}

TEST(Experiment, AWrongSplitMakesEverythingElseWorthless) {
  Experiment lost = experiment(500, 600, 1000, 100);
  lost.variants[1].users = 700;
  const Analysis analysis = analyse(lost);
  EXPECT_EQ(analysis.verdict, Verdict::kInvalid);
  EXPECT_EQ(analysis.winner, "");
}

TEST(Experiment, OfSeveralTreatmentsTheBestWins) {
  Experiment three = experiment(500, 600, 1000, 100);
  three.variants.push_back({"larger", 0.5, 1000, {Moments::of_binary(650, 1000), normal(1000, 100, 30)}});
  for (VariantData& variant : three.variants) variant.weight = 1.0 / 3;
  EXPECT_EQ(analyse(three).winner, "larger");
  // Two comparisons share alpha: the interval of each is wider than that of one alone.
  const Effect alone = *analyse(experiment(500, 600, 1000, 100)).treatments[0].effects[0];
  const Effect shared = *analyse(three).treatments[0].effects[0];
  EXPECT_LT(shared.anytime.low, alone.anytime.low);
}

TEST(Experiment, JsonHasEveryFigureAndNoNumberThatIsNone) {
  Experiment sparse = experiment(500, 600, 1000, 100);
  sparse.variants[1].metrics[1] = {};
  const Json json = to_json(sparse, analyse(sparse), Language::kKorean);
  EXPECT_EQ(json["verdict"], "undecided");
  EXPECT_TRUE(json["treatments"]["treatment"]["effects"]["latency_ms"].is_null());
  EXPECT_EQ(json["treatments"]["treatment"]["guard_rails"]["latency_ms"]["state"], "undecided");
  EXPECT_EQ(json["variants"]["control"]["metrics"]["thumbs"]["count"], 1000);
  for (const char* key : {"interval", "interval_anytime", "p_value", "p_value_anytime", "lift", "difference"})
    EXPECT_TRUE(json["treatments"]["treatment"]["effects"]["thumbs"].contains(key)) << key;
  EXPECT_NE(json["reason"].get<std::string>().find("가드레일"), std::string::npos);
}

TEST(Experiment, RefusesWhatItCannotCompare) {
  EXPECT_THROW(analyse({}), Error);
  Experiment one = experiment(5, 5, 10, 1);
  one.variants.pop_back();
  EXPECT_THROW(analyse(one), Error);
  Experiment short_of_metrics = experiment(5, 5, 10, 1);
  short_of_metrics.variants[0].metrics.pop_back();
  EXPECT_THROW(analyse(short_of_metrics), Error);
  EXPECT_THROW(analyse(experiment(5, 5, 10, 1), {.alpha = 0}), Error);
}

// The whole way, with a peek every forty observations: A/A experiments end as winner or roll-back in at most alpha.
TEST(Experiment, AAVerdictsKeepAlpha) {
  constexpr int kRuns = 2000;
  int wrong = 0;
  for (int run = 0; run < kRuns; ++run) {
    RandomStream random(21, static_cast<uint64_t>(run));
    uint64_t n[2] = {}, s[2] = {};
    bool claimed = false;
    for (int i = 0; i < 2000 && !claimed; ++i) {
      const size_t variant = random.next_u32() & 1;
      ++n[variant];
      s[variant] += random.uniform() < 0.7;
      if (i % 40 != 39 || n[0] == 0 || n[1] == 0) continue;
      const Verdict verdict =
          analyse({{{"thumbs"}},
                   {{"a", 0.5, 0, {Moments::of_binary(s[0], n[0])}}, {"b", 0.5, 0, {Moments::of_binary(s[1], n[1])}}}},
                  {.expected = 2000})
              .verdict;
      claimed = verdict == Verdict::kWinner || verdict == Verdict::kRollBack;
    }
    wrong += claimed;
  }
  EXPECT_LE(wrong / double{kRuns}, 0.05 + 3 * std::sqrt(0.05 * 0.95 / kRuns));
}

}  // namespace
}  // namespace hone::metrics
