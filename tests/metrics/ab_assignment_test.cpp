// Expected fractions: Python's xxhash 3.6 (XXH3-64), (h >> 11) / 2**53.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.h"
#include "base/strings.h"
#include "metrics/ab/assignment.h"
#include "metrics/ab/manager.h"
#include "metrics/statistics.h"

namespace hone::metrics {
namespace {

const Weights kHalves = {{"control", 0.5}, {"treatment", 0.5}};
constexpr int kUsers = 200000;

std::string user(int i) {
  return format("user_%d", i);
}

double moved_share(const Assignment& before, const Assignment& after) {
  int moved = 0;
  for (int i = 0; i < kUsers; ++i) moved += before.variant_of(user(i)) != after.variant_of(user(i));
  return static_cast<double>(moved) / kUsers;
}

TEST(Assignment, TheSameForEverOnEveryMachine) {
  EXPECT_EQ(user_fraction("tone", "user_12345"), 0.008636463375348291);
  EXPECT_EQ(user_fraction("tone", "user_1"), 0.5214533011572934);
  EXPECT_EQ(user_fraction("tone", "사용자 7"), 0.09154260054888919);
  EXPECT_EQ(user_fraction("tone", ""), 0.39993147395573525);
  EXPECT_EQ(user_fraction("checkout-2", "user_12345"), 0.6717845220273214);
  const Assignment split("tone", {{"a", 0.2}, {"b", 0.5}, {"c", 0.3}});
  std::string groups;
  for (int i = 0; i < 20; ++i) groups += split.variant_of(user(i));
  EXPECT_EQ(groups, "abcccbabcbccccbbbccb");
}

TEST(Assignment, SharesHoldForUsersAndExperimentsAreIndependent) {
  const Assignment first("tone", {{"a", 0.2}, {"b", 0.5}, {"c", 0.3}}), second("length", kHalves);
  int a = 0, b = 0, both = 0, treated = 0;
  for (int i = 0; i < kUsers; ++i) {
    const bool in_b = first.variant_of(user(i)) == "b", in_treatment = second.variant_of(user(i)) == "treatment";
    a += first.variant_of(user(i)) == "a";
    b += in_b;
    treated += in_treatment;
    both += in_b && in_treatment;
  }
  // Five standard errors of a share of 200,000 users are at most 0.0056.
  EXPECT_NEAR(a / double{kUsers}, 0.2, 0.0056);
  EXPECT_NEAR(b / double{kUsers}, 0.5, 0.0056);
  EXPECT_NEAR(treated / double{kUsers}, 0.5, 0.0056);
  EXPECT_NEAR(both / double{kUsers}, 0.25, 0.0056);
}

TEST(Assignment, ChangedWeightsMoveNoMoreUsersThanTheyMust) {
  const Weights before = {{"a", 0.2}, {"b", 0.4}, {"c", 0.4}};
  const Assignment start("tone", before);
  Assignment now = start;
  for (const Weights& after : {Weights{{"a", 0.4}, {"b", 0.3}, {"c", 0.3}}, Weights{{"a", 0}, {"b", 0.9}, {"c", 0.1}},
                               Weights{{"a", 0.25}, {"b", 0.25}, {"c", 0.25}, {"d", 0.25}}}) {
    const Assignment next = now.reweighted(after);
    double least = 0;
    const auto old_shares = now.shares(), shares = next.shares();
    for (size_t i = 0; i < shares.size(); ++i) {
      EXPECT_NEAR(shares[i], after[i].second, 1e-15);
      least += std::abs(shares[i] - (i < old_shares.size() ? old_shares[i] : 0)) / 2;
    }
    EXPECT_NEAR(moved_share(now, next), least, 0.0056);
    now = next;
  }
  EXPECT_EQ(moved_share(start, start.reweighted(before)), 0);
}

TEST(Assignment, NobodyIsPutWhereTheShareIsNought) {
  const Assignment all("tone", {{"off", 0}, {"on", 1}, {"late", 0}});
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(all.variant_of(user(i)), "on");
  const Assignment thirds("tone", {{"a", 1.0 / 3}, {"b", 1.0 / 3}, {"c", 1.0 / 3}});
  EXPECT_EQ(thirds.segments().back().end, uint64_t{1} << 53);
}

TEST(Assignment, GoesOnFromItsSegments) {
  const Assignment changed = Assignment("tone", {{"a", 0.2}, {"b", 0.8}}).reweighted({{"a", 0.6}, {"b", 0.4}});
  const Assignment kept = Assignment::restored("tone", changed.variants(), changed.segments());
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(kept.variant_of(user(i)), changed.variant_of(user(i)));
  const uint64_t whole = uint64_t{1} << 53;
  using Segments = std::vector<Assignment::Segment>;
  for (const Segments& wrong : {Segments{}, Segments{{5, 0}}, Segments{{whole, 2}},
                                Segments{{9, 0}, {9, 1}, {whole, 0}}, Segments{{whole + 1, 0}}})
    EXPECT_THROW(Assignment::restored("tone", {"a", "b"}, wrong), Error);
}

TEST(Assignment, RefusesWhatIsNoSplit) {
  EXPECT_THROW(Assignment("t", {}), Error);
  EXPECT_THROW(Assignment("t", {{"a", 0.5}, {"b", 0.4}}), Error);
  EXPECT_THROW(Assignment("t", {{"a", 0.5}, {"a", 0.5}}), Error);
  EXPECT_THROW(Assignment("t", {{"", 1}}), Error);
  EXPECT_THROW(Assignment("t", {{"a", -0.5}, {"b", 1.5}}), Error);
  EXPECT_THROW(Assignment("t", {{"a", NAN}, {"b", 1}}), Error);
  EXPECT_THROW(Assignment("a:b", kHalves), Error);
  EXPECT_THROW(Assignment("t", kHalves).reweighted({{"treatment", 0.5}, {"control", 0.5}}), Error);
}

TEST(ABTestManager, DoesWhatTheLectureDoesWithTheSameKeys) {
  ABTestManager test({{"control", "gpt-4o-mini"}, {"treatment", "ft:gpt-4o-mini:org:support:abc123"}}, kHalves);
  EXPECT_EQ(test.get_statistics(), Json::object());
  uint64_t count = 0, positive = 0;
  for (int i = 0; i < 400; ++i) {
    const std::string group = test.assign_group(user(i));
    EXPECT_EQ(test.get_model_for_user(user(i)),
              group == "control" ? "gpt-4o-mini" : "ft:gpt-4o-mini:org:support:abc123");
    test.record_feedback(user(i), i % 3 == 0);
    if (group == "control") ++count, positive += i % 3 == 0;
  }
  const Json statistics = test.get_statistics();
  ASSERT_EQ(statistics.size(), 2u);
  const Json& control = statistics["control"];
  EXPECT_EQ(control["total_requests"], count);
  EXPECT_DOUBLE_EQ(control["positive_rate"], static_cast<double>(positive) / static_cast<double>(count));
  EXPECT_EQ(control["model"], "gpt-4o-mini");
  const Interval wilson = wilson_interval(positive, count);
  EXPECT_DOUBLE_EQ(control["interval"][0], wilson.low);
  EXPECT_DOUBLE_EQ(control["interval"][1], wilson.high);
  EXPECT_LT(control["interval_anytime"][0], wilson.low);
  EXPECT_GT(control["interval_anytime"][1], wilson.high);
}

TEST(ABTestManager, RefusesGroupsThatDoNotMatch) {
  using Models = std::vector<std::pair<std::string, std::string>>;
  EXPECT_THROW(ABTestManager(Models{{"control", "a"}}, kHalves), Error);
  EXPECT_THROW(ABTestManager(Models{{"control", "a"}, {"treatment", "b"}, {"third", "c"}}, kHalves), Error);
  EXPECT_THROW(ABTestManager(Models{{"control", "a"}, {"control", "b"}}, kHalves), Error);
  EXPECT_THROW(ABTestManager(Models{{"control", "a"}, {"treatment", "b"}}, {{"control", 0.5}, {"treatment", 0.6}}),
               Error);
}

TEST(ABTestManager, CountsFeedbackOfManyThreads) {
  ABTestManager test({{"control", "a"}, {"treatment", "b"}}, kHalves);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&test] {
      for (int i = 0; i < 2000; ++i) test.record_feedback(user(i), true);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Json statistics = test.get_statistics();
  EXPECT_EQ(statistics["control"]["total_requests"].get<int>() + statistics["treatment"]["total_requests"].get<int>(),
            8000);
}

}  // namespace
}  // namespace hone::metrics
