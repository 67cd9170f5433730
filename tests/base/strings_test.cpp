#include "base/strings.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

TEST(Strings, SuggestsTheClosestName) {
  EXPECT_EQ(closest("learning_rte", {"learning_rate", "lr_scheduler_type"}), "learning_rate");
  EXPECT_EQ(closest("dpoo", {"sft", "dpo"}), "dpo");
  EXPECT_EQ(closest("zzz", {"sft", "dpo"}), "");
}

TEST(Strings, ExcerptNeverCutsACharacter) {
  EXPECT_EQ(excerpt("안녕하세요", 2), "안녕…");
  EXPECT_EQ(excerpt("a\nb", 10), "a\\nb");
  EXPECT_EQ(excerpt("\xff", 10), "\\xff");
}

TEST(Strings, WidthOfHangulIsTwo) {
  EXPECT_EQ(display_width("한글ab"), 6u);
  EXPECT_EQ(pad("한", 4), "한  ");
}

TEST(Strings, HumanNumbers) {
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(with_commas(-12), "-12");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_seconds(3725), "1:02:05");
}

}  // namespace
}  // namespace hone
