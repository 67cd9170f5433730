#include "base/terminal.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "error_of.h"

namespace hone {
namespace {

TEST(Tables, AlignHangulByItsWidthAndNumbersToTheRight) {
  Table table({"이름", "loss"});
  table.add({"기본 모델", "2.5"});
  table.add({"base", "10.25"});
  const std::vector<std::string> lines = split(table.text(), '\n');
  ASSERT_GE(lines.size(), 4u);
  // Whatever the frame looks like, the last digits of a column of numbers stand in one terminal column.
  const auto end_of = [](const std::string& line, const std::string& part) {
    return display_width(line.substr(0, line.find(part) + part.size()));
  };
  std::string korean, latin;
  for (const std::string& line : lines) {
    if (contains(line, "기본")) korean = line;
    if (contains(line, "base")) latin = line;
  }
  ASSERT_FALSE(korean.empty());
  ASSERT_FALSE(latin.empty());
  EXPECT_EQ(end_of(korean, "2.5"), end_of(latin, "10.25"));
}

TEST(Tables, AShortRowIsFilledUp) {
  Table table({"a", "b"});
  table.add({"x"});
  EXPECT_TRUE(contains(table.text(), "x"));
}

TEST(Tables, MarkdownHasAHeaderRule) {
  Table table({"metric", "value"});
  table.add({"rouge1", "0.5"});
  const std::vector<std::string> lines = split(table.markdown(), '\n');
  ASSERT_GE(lines.size(), 3u);
  EXPECT_TRUE(contains(lines[0], "metric"));
  EXPECT_TRUE(contains(lines[1], "---"));
  EXPECT_TRUE(contains(lines[2], "rouge1"));
}

TEST(ProgressLine, SaysHowFarWhenNotOnATerminal) {
  testing::internal::CaptureStderr();
  {
    Progress progress("reading", 10, "rows", 0);
    progress.update(5, "loss 2.31");
    progress.update(10);
  }
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(contains(text, "50%")) << text;
  EXPECT_TRUE(contains(text, "5/10 rows")) << text;
  EXPECT_TRUE(contains(text, "loss 2.31")) << text;
  EXPECT_TRUE(contains(text, "100%")) << text;
}

TEST(ProgressLine, ResumedWorkDoesNotCountForTheRate) {
  testing::internal::CaptureStderr();
  {
    Progress progress("training", 1'000'000, "steps", 0);
    progress.start_at(999'999);
    progress.update(999'999);
  }
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(contains(text, " 0.00/s")) << text;
}

}  // namespace
}  // namespace hone
