#include "base/config/values.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/random.h"

namespace hone {
namespace {

TEST(ConfigValues, NumbersAsPeopleWriteThem) {
  EXPECT_EQ(parse_number("2e-4"), 2e-4);
  EXPECT_EQ(parse_number("1.0E+3"), 1000);
  EXPECT_EQ(parse_number("+1.5"), 1.5);
  EXPECT_EQ(parse_number("-.5"), -0.5);
  EXPECT_EQ(parse_number("3."), 3);
  EXPECT_EQ(parse_number("1_000_000"), 1e6);
  for (const char* text : {"", "-", "+", "e", "1e", "inf", "-inf", ".inf", "nan", "0x10", "1,000", "1e999", "1_", "_1",
                           "1__0", "++1", "3 4"}) {
    EXPECT_FALSE(parse_number(text)) << text;
  }
}

TEST(ConfigValues, WholeNumbersLoseNothing) {
  EXPECT_EQ(parse_whole_number("16"), 16);
  EXPECT_EQ(parse_whole_number("1e3"), 1000);
  EXPECT_EQ(parse_whole_number("2.0"), 2);
  EXPECT_EQ(parse_whole_number("-1"), -1);
  EXPECT_EQ(parse_whole_number("9223372036854775807"), INT64_MAX);
  for (const char* text : {"2.5", "1e300", "9223372036854775808", "9007199254740993.0e0x", "abc", ""}) {
    EXPECT_FALSE(parse_whole_number(text)) << text;
  }
}

TEST(ConfigValues, TruthInEveryCase) {
  for (const char* text : {"true", "True", "YES", "on"}) EXPECT_EQ(parse_bool(text), true) << text;
  for (const char* text : {"false", "FALSE", "no", "Off"}) EXPECT_EQ(parse_bool(text), false) << text;
  for (const char* text : {"", "1", "0", "y", "truee"}) EXPECT_FALSE(parse_bool(text)) << text;
}

TEST(ConfigValues, ShownNumbersReadBackAsTheSameBits) {
  EXPECT_EQ(show_number(2e-5), "2.0e-05");  // without the point PyYAML would read a text
  EXPECT_EQ(show_number(0.1), "0.1");
  EXPECT_EQ(show_number(3), "3");
  RandomStream random(11);
  for (int i = 0; i < 20'000; ++i) {
    const uint64_t bits = random.next_u64();
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (std::isfinite(value)) {
      ASSERT_EQ(parse_number(show_number(value)), value);
    }
  }
}

TEST(ConfigValues, TextsThatLookLikeSomethingElseAreQuoted) {
  for (const char* text : {"q_proj", "runs/first", "all-linear", "한국어 모델", "a.b.c", "C:\\x"}) {
    EXPECT_EQ(quote_yaml(text).front() == '"', std::string(text) == "C:\\x") << text;
  }
  for (const char* text : {"",   "1e-4", "12",         "true", "no",   "null", "~",   "- a",        "a: b", "a #b",
                           "[x", "*x",   "2026-11-21", "0x1F", ".inf", "a? b", "a,b", "(q|v)_proj", " a",   "y"}) {
    EXPECT_EQ(quote_yaml(text).front(), '"') << text;
  }
  EXPECT_EQ(quote_yaml("a\n\"\x01"), "\"a\\n\\\"\\x01\"");
}

}  // namespace
}  // namespace hone
