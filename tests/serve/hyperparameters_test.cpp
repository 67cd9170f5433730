#include "serve/jobs/hyperparameters.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "serve/api_error.h"

namespace hone::serve {
namespace {

TEST(Hyperparameters, EpochsFollowTheCookbook) {
  const std::pair<int64_t, int64_t> expected[] = {{1, 25},   {4, 25},   {10, 10},   {33, 3},    {34, 3},   {500, 3},
                                                  {8333, 3}, {8334, 2}, {12500, 2}, {12501, 1}, {90000, 1}};
  for (const auto& [examples, epochs] : expected) EXPECT_EQ(resolve({}, examples).n_epochs, epochs) << examples;
}

TEST(Hyperparameters, BatchesAreAShareOfTheExamples) {
  const std::pair<int64_t, int64_t> expected[] = {{10, 1}, {700, 1}, {800, 2}, {10000, 20}, {1000000, 256}};
  for (const auto& [examples, batch] : expected) EXPECT_EQ(resolve({}, examples).batch_size, batch) << examples;
}

TEST(Hyperparameters, WhatIsAskedForStays) {
  const Json asked = {{"n_epochs", 7}, {"batch_size", "auto"}, {"learning_rate_multiplier", 0.5}, {"beta", 0.3}};
  const Hyperparameters values = resolve(read_hyperparameters(Fields(asked), true), 10);
  EXPECT_EQ(hyperparameters_json(values, true),
            Json({{"n_epochs", 7}, {"batch_size", 1}, {"learning_rate_multiplier", 0.5}, {"beta", 0.3}}));
  EXPECT_EQ(hyperparameters_json({}, false),
            Json({{"n_epochs", "auto"}, {"batch_size", "auto"}, {"learning_rate_multiplier", "auto"}}));
}

TEST(Hyperparameters, LimitsAreThoseOfTheApi) {
  for (const Json& bad :
       {Json{{"n_epochs", 0}}, Json{{"n_epochs", 51}}, Json{{"batch_size", 257}}, Json{{"n_epochs", "many"}},
        Json{{"learning_rate_multiplier", 0}}, Json{{"beta", 0.1}}, Json{{"colour", 1}}}) {
    EXPECT_THROW(read_hyperparameters(Fields(bad), false), ApiError) << bad;
  }
  EXPECT_THROW(read_hyperparameters(Fields(Json{{"beta", 2.1}}), true), ApiError);
}

}  // namespace
}  // namespace hone::serve
