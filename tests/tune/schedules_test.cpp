// Values are those of transformers.get_scheduler(name, optimizer, 10, 100) (5.23), read from
// scheduler.get_last_lr() at a base rate of 1.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "tune/schedules/registry.h"

namespace hone::tune {
namespace {

double factor(const std::string& name, int64_t step,
              ScheduleOptions options = {.warmup_steps = 10, .total_steps = 100}) {
  return schedules().at(name, "test").make(step, options);
}

TEST(Schedules, StartAtZeroWithWarmUpAndReachOne) {
  for (const auto& entry : schedules().entries()) {
    if (entry.name == "constant") continue;
    EXPECT_DOUBLE_EQ(factor(entry.name, 0), 0) << entry.name;
    EXPECT_DOUBLE_EQ(factor(entry.name, 5), 0.5) << entry.name;
    EXPECT_DOUBLE_EQ(factor(entry.name, 10), 1) << entry.name;
  }
  EXPECT_DOUBLE_EQ(factor("constant", 0), 1);
}

TEST(Schedules, EndWhereTheySay) {
  EXPECT_DOUBLE_EQ(factor("linear", 55), 0.5);
  EXPECT_DOUBLE_EQ(factor("linear", 100), 0);
  EXPECT_NEAR(factor("cosine", 55), 0.5, 1e-12);
  EXPECT_NEAR(factor("cosine", 32), 0.5 * (1 + std::cos(std::numbers::pi * 22 / 90)), 1e-12);
  EXPECT_NEAR(factor("cosine", 100), 0, 1e-12);
  EXPECT_DOUBLE_EQ(factor("constant_with_warmup", 99), 1);
  EXPECT_NEAR(factor("cosine_with_min_lr", 100, {.warmup_steps = 10, .total_steps = 100, .min_lr_ratio = 0.1}), 0.1,
              1e-12);
}

TEST(Schedules, AreWithinBoundsForAnyStepCount) {
  for (const auto& entry : schedules().entries()) {
    for (const int64_t total : {1, 2, 7}) {
      for (const int64_t warm : {0, 1, 7}) {
        for (int64_t step = 0; step <= total; ++step) {
          const double value = factor(entry.name, step, {.warmup_steps = warm, .total_steps = total});
          EXPECT_GE(value, 0) << entry.name;
          EXPECT_LE(value, 1) << entry.name;
        }
      }
    }
  }
}

}  // namespace
}  // namespace hone::tune
