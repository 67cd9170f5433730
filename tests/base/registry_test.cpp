#include "base/registry.h"

#include <gtest/gtest.h>

#include "error_of.h"

namespace hone {
namespace {

TEST(Registries, FindByNameAndSuggestWhenUnknown) {
  Registry<int> objectives("objective");
  objectives.add({"dpo", "direct preference optimisation", 1});
  objectives.add({"sft", "supervised fine-tuning", 2});
  EXPECT_EQ(objectives.at("sft", "").make, 2);
  EXPECT_TRUE(objectives.contains("dpo"));
  EXPECT_FALSE(objectives.contains("dpoo"));
  const Error error = error_of([&] { objectives.at("dpoo", "c.yaml:3:1: objective"); });
  EXPECT_EQ(error.kind(), ErrorKind::kInput);
  EXPECT_STREQ(error.what(),
               "c.yaml:3:1: objective: objective \"dpoo\" is unknown; did you mean \"dpo\"? known: dpo, sft");
}

}  // namespace
}  // namespace hone
