#include "text/unicode.h"

#include <gtest/gtest.h>

#include "text/random_text.h"

namespace hone::text {
namespace {

TEST(Unicode, EveryCodePointSurvivesUtf8) {
  for (uint32_t code = 0; code <= 0x10FFFF; ++code) {
    if (code >= 0xD800 && code < 0xE000) continue;
    const std::string bytes = to_utf8(code);
    ASSERT_EQ(valid_utf8_prefix(bytes), bytes.size());
    ASSERT_EQ(utf8_length(static_cast<unsigned char>(bytes[0])), bytes.size());
    size_t at = 0, start = 99;
    ASSERT_EQ(next_code(bytes, at), code);
    ASSERT_EQ(at, bytes.size());
    ASSERT_EQ(code_before(bytes, bytes.size(), start), code);
    ASSERT_EQ(start, 0u);
  }
}

TEST(Unicode, WhatIsNoUtf8IsFound) {
  // Overlong forms, surrogates, beyond U+10FFFF, stray and missing continuation bytes (RFC 3629, section 10).
  for (const std::string bad : {"\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xF0\x80\x80\x80",
                                "\xF0\x8F\xBF\xBF", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF4\x90\x80\x80",
                                "\xF5\x80\x80\x80", "\xFF", "\x80", "\xBF", "\xE2\x82", "\xF0\x9F\x98", "\xC3"}) {
    EXPECT_EQ(valid_utf8_prefix("가" + bad + "x"), 3u) << bad.size();
    EXPECT_EQ(valid_utf8_prefix("가" + bad), 3u);
  }
}

std::string repaired(std::string_view bytes) {
  std::string out;
  append_repaired(out, bytes);
  return out;
}

TEST(Unicode, RepairReplacesMaximalSubparts) {
  // The examples of the Unicode Standard, chapter 3.9, tables 3-8 to 3-11.
  const std::string r = "\uFFFD";
  EXPECT_EQ(repaired("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(repaired("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(repaired("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), r + r + r + r + r + "A" + r + r + "B");
  EXPECT_EQ(repaired("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), r + r + r + r + "A");
  EXPECT_EQ(repaired("한국어"), "한국어");
}

TEST(Unicode, RepairRemembersWhereBytesCameFrom) {
  std::string out;
  std::vector<ByteRange> origin;
  append_repaired(out, "a\xE2\x82-가", &origin);
  ASSERT_EQ(out, "a\uFFFD-가");
  const ByteRange broken{1, 3}, hangul{4, 7};
  EXPECT_EQ(origin, (std::vector<ByteRange>{{0, 1}, broken, broken, broken, {3, 4}, hangul, hangul, hangul}));
}

TEST(Unicode, RepairOfAnyBytesIsUtf8AndLeavesUtf8Alone) {
  RandomStream random(1);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = random_text(random, 6);
    EXPECT_EQ(repaired(bytes), bytes);
    for (int k = 0; k < 3 && !bytes.empty(); ++k)
      bytes[random.below(bytes.size())] = static_cast<char>(random.next_u32());
    const std::string whole = repaired(bytes);
    ASSERT_EQ(valid_utf8_prefix(whole), whole.size());
  }
}

TEST(Unicode, UnfinishedSuffix) {
  EXPECT_EQ(unfinished_utf8_suffix(""), 0u);
  EXPECT_EQ(unfinished_utf8_suffix("가"), 0u);
  EXPECT_EQ(unfinished_utf8_suffix("a\xEA"), 1u);
  EXPECT_EQ(unfinished_utf8_suffix("a\xEA\xB0"), 2u);
  EXPECT_EQ(unfinished_utf8_suffix("\xF0\x9F\x98"), 3u);
  EXPECT_EQ(unfinished_utf8_suffix("\xED\xA0"), 0u);  // a surrogate: no byte can save it
  EXPECT_EQ(unfinished_utf8_suffix("\xE0\x80"), 0u);  // overlong
  EXPECT_EQ(unfinished_utf8_suffix("\x80"), 0u);
}

TEST(Unicode, Classes) {
  for (const uint32_t c : {0x41u, 0xAC00u, 0x3131u, 0x4E00u, 0x5D0u, 0x1C5u}) EXPECT_TRUE(is_letter(c)) << c;
  for (const uint32_t c : {0x30u, 0x20u, 0x301u, 0x1F600u}) EXPECT_FALSE(is_letter(c)) << c;
  for (const uint32_t c : {0x30u, 0x661u, 0x2167u, 0xBDu}) EXPECT_TRUE(is_number(c)) << c;
  for (const uint32_t c : {0x20u, 0x9u, 0x85u, 0xA0u, 0x1680u, 0x2028u, 0x3000u}) EXPECT_TRUE(is_space(c)) << c;
  for (const uint32_t c : {0x180Eu, 0x200Bu, 0xFEFFu, 0x1Fu}) EXPECT_FALSE(is_space(c)) << c;
  for (const uint32_t c : {0x5Fu, 0x301u, 0xAC00u, 0x39u}) EXPECT_TRUE(is_word(c)) << c;
  for (const uint32_t c : {0x2Du, 0x20u, 0x1F600u}) EXPECT_FALSE(is_word(c)) << c;
  for (const uint32_t c : {0x21u, 0x24u, 0x2014u, 0x3002u}) EXPECT_TRUE(is_punctuation(c)) << c;
}

TEST(Unicode, HangulComposesAndDecomposesByItsFormula) {
  for (uint32_t syllable = 0xAC00; syllable <= 0xD7A3; ++syllable) {
    const uint32_t index = syllable - 0xAC00;
    std::vector<uint32_t> expected = {0x1100 + index / 588, 0x1161 + index % 588 / 28}, got;
    if (index % 28 > 0) expected.push_back(0x11A7 + index % 28);
    append_decomposition(got, syllable, false);
    ASSERT_EQ(got, expected);
    uint32_t composed = compose(got[0], got[1]);
    if (got.size() == 3) composed = compose(composed, got[2]);
    ASSERT_EQ(composed, syllable);
  }
}

TEST(Unicode, LowerCase) {
  const auto lower = [](uint32_t code) {
    std::vector<uint32_t> out;
    append_lowercase(out, code);
    return out;
  };
  EXPECT_EQ(lower('A'), std::vector<uint32_t>{'a'});
  EXPECT_EQ(lower(0x130), (std::vector<uint32_t>{0x69, 0x307}));
  EXPECT_EQ(lower(0xAC00), std::vector<uint32_t>{0xAC00});
  EXPECT_EQ(lower(0x3A3), std::vector<uint32_t>{0x3C3});
}

TEST(Unicode, SurelyComposedIsNeverWrong) {
  EXPECT_TRUE(surely_composed("hello, 안녕하세요"));
  EXPECT_FALSE(surely_composed("e\u0301"));
  EXPECT_FALSE(surely_composed("\u1100\u1161"));
}

TEST(Unicode, Counts) {
  EXPECT_EQ(count_codes(""), 0u);
  EXPECT_EQ(count_codes("a가\U0001F600"), 3u);
}

}  // namespace
}  // namespace hone::text
