#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/random.h"
#include "data/readers/line_reader.h"
#include "data/readers/reader.h"
#include "data/test_rows.h"
#include "data/value.h"

namespace hone::data {
namespace {

using Names = std::vector<std::string>;

const std::string kGood = R"({"question": "하늘은 무슨 색인가요?", "answer": "맑은 날에는 파란색입니다."})";

TEST(Jsonl, ByteOrderMarkCrlfBlankLinesAndMissingLastBreak) {
  const auto rows = read_rows("\xEF\xBB\xBF" + kGood + "\r\n\r\n  \n" + kGood);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_TRUE(rows[0].ok && rows[1].ok);
  EXPECT_EQ(rows[0].raw, kGood);
  EXPECT_EQ(rows[0].example.origin.line, 1u);
  EXPECT_EQ(rows[0].example.origin.byte, 3u);
  EXPECT_EQ(rows[1].example.origin.line, 4u);
  EXPECT_EQ(rows[1].example.origin.byte, 3 + kGood.size() + 2 + 2 + 3);
  EXPECT_EQ(rows[1].example.messages[0].content, "하늘은 무슨 색인가요?");
}

TEST(Jsonl, BrokenRowsAreNamedAndTheOthersRead) {
  const std::string broken_utf8 = "{\"text\": \"ab\xEA\xB0\"}", nul = std::string("{\"text\": \"a\0b\"}", 15);
  const auto rows = read_rows(kGood + "\n{\"text\": 1,}\n" + broken_utf8 + "\n" + nul + "\n[1]\n" + kGood + "\n");
  ASSERT_EQ(rows.size(), 6u);
  EXPECT_EQ(rows[1].checks(), Names{"invalid_json"});
  EXPECT_EQ(rows[1].findings[0].line, 2u);
  EXPECT_EQ(rows[1].findings[0].byte, kGood.size() + 1 + 11);  // the } after the comma
  EXPECT_EQ(rows[2].checks(), Names{"invalid_utf8"});
  const size_t third = kGood.size() + 1 + 13;
  EXPECT_EQ(rows[2].findings[0].byte, third + broken_utf8.find('\xEA'));
  EXPECT_EQ(rows[3].checks(), Names{"nul_character"});
  EXPECT_EQ(rows[3].findings[0].byte, third + broken_utf8.size() + 1 + nul.find('\0'));
  EXPECT_EQ(rows[4].checks(), Names{"not_an_object"});
  EXPECT_TRUE(rows[0].ok && rows[5].ok);
}

TEST(Jsonl, RowsBeyondTheLimitAreReportedAndSkipped) {
  LoadOptions options;
  options.max_row_bytes = 200;
  const std::string longer = "{\"text\": \"" + std::string(3 << 20, 'x') + "\"}";  // longer than the first window
  const auto rows = read_rows(kGood + "\n" + longer + "\n" + kGood + "\n", "test.jsonl", options);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1].checks(), Names{"line_too_long"});
  EXPECT_LE(rows[1].raw.size(), 1024u);
  EXPECT_TRUE(rows[0].ok && rows[2].ok);
  EXPECT_EQ(rows[2].example.origin.line, 3u);
  EXPECT_EQ(rows[2].example.origin.byte, kGood.size() + 1 + longer.size() + 1);
}

TEST(Jsonl, NestingIsBounded) {
  const std::string deep = "{\"text\": " + std::string(100000, '[') + std::string(100000, ']') + "}";
  EXPECT_EQ(read_row(deep).checks(), Names{"invalid_json"});
}

TEST(Json, ListsAndConcatenatedObjects) {
  const std::string pretty = "[\n  {\"text\": \"a, ] \\\" }\"},\n  {\"text\":\n \"나\"}\n]\n";
  auto rows = read_rows(pretty, "test.json");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].example.text, "a, ] \" }");
  EXPECT_EQ(rows[1].example.text, "나");
  EXPECT_EQ(rows[1].example.origin.line, 3u);
  EXPECT_EQ(rows[1].example.origin.byte, pretty.find("{\"text\":\n"));
  rows = read_rows("{\n\"text\": \"one\"\n}\n{\n\"text\": \"two\"\n}", "test.json");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].example.text, "two");
  EXPECT_TRUE(read_rows("[]", "test.json").empty());
  EXPECT_EQ(read_rows(" [{\"text\": \"list in a .jsonl\"}]").size(), 1u);
}

TEST(Json, FaultsOfTheList) {
  const auto checks = [](const std::string& text) {
    Names all;
    for (const auto& row : read_rows(text, "test.json")) {
      for (const std::string& check : row.checks()) all.push_back(check);
    }
    return all;
  };
  const Names invalid{"invalid_json"};
  EXPECT_EQ(checks(R"([{"text": "a"} {"text": "b"}])"), invalid);
  EXPECT_EQ(checks(R"([{"text": "a"},])"), invalid);
  EXPECT_EQ(checks(R"([{"text": "a"},,{"text": "b"}])"), invalid);
  EXPECT_EQ(checks(R"([{"text": "a"}, {"text": "b")"), invalid);
  EXPECT_EQ(checks(R"([{"text": "a"})"), invalid);
  EXPECT_EQ(checks(R"([{"text": "a"}] {"text": "b"})"), invalid);
  EXPECT_EQ(checks(R"([1, {"text": "b"}])"), Names{"not_an_object"});
}

TEST(Json, TheFaultsLineIsCountedInsideTheElement) {
  const auto row = read_row("[\n{\n\"text\": nul\n}\n]", "test.json");
  ASSERT_EQ(row.checks(), Names{"invalid_json"});
  EXPECT_EQ(row.findings[0].line, 3u);
}

TEST(Csv, QuotesSeparatorsAndLineBreaks) {
  const auto rows =
      read_rows("Q,A,label\r\n\"쉼표, 그리고 \"\"따옴표\"\"\",\"두\n줄\",0\r\n5\" 화면,좋아요,1\r\n", "test.csv");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].shape, "qa");
  EXPECT_EQ(rows[0].example.messages[0].content, "쉼표, 그리고 \"따옴표\"");
  EXPECT_EQ(rows[0].example.messages[1].content, "두\n줄");
  EXPECT_EQ(rows[1].example.messages[0].content, "5\" 화면");
  EXPECT_EQ(rows[1].example.origin.line, 4u);
  EXPECT_EQ(read_rows("q;a\n하나;둘, 셋\n", "test.csv").at(0).example.messages[1].content, "둘, 셋");
}

TEST(Csv, Faults) {
  const auto rows = read_rows("Q,A\none\na,b,c\nfine?,yes\n\"open,b\nc,d\n", "test.csv");
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].checks(), Names{"wrong_column_count"});
  EXPECT_EQ(rows[1].checks(), Names{"wrong_column_count"});
  EXPECT_TRUE(rows[2].ok);
  EXPECT_EQ(rows[3].checks(), Names{"unclosed_quote"});
  EXPECT_EQ(rows[3].findings[0].line, 5u);
  EXPECT_THROW(read_rows("Q,Q\na,b\n", "test.csv"), Error);
  EXPECT_THROW(read_rows("Q,\na,b\n", "test.csv"), Error);
  EXPECT_TRUE(read_rows("", "test.csv").empty());
}

TEST(Tsv, QuotesAreTextUnlessTheyWrapTheField) {
  const auto rows = read_rows("id\ttext\n1\t\"진짜\" 재밌다\n2\t\"all \"\"quoted\"\"\"\n3\t\"\n", "test.tsv");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].example.text, "\"진짜\" 재밌다");
  EXPECT_EQ(rows[1].example.text, "all \"quoted\"");
  EXPECT_EQ(rows[2].example.text, "\"");
}

TEST(Text, DocumentsEndAtBlankLines) {
  const auto rows = read_rows("첫 줄\n둘째 줄\r\n\n \nnext\n", "test.txt");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].example.text, "첫 줄\n둘째 줄");
  EXPECT_EQ(rows[1].example.text, "next");
  EXPECT_EQ(rows[1].example.origin.line, 5u);
}

TEST(Formats, WhatCannotBeReadIsNamed) {
  const auto message = [](const std::string& content, const std::string& name) {
    try {
      read_rows(content, name);
    } catch (const Error& error) {
      return error.message();
    }
    return std::string("no error");
  };
  EXPECT_NE(message(std::string("\xFF\xFE{\0", 4), "a.jsonl").find("UTF-16"), std::string::npos);
  EXPECT_NE(message("\x1F\x8B\x08", "a.jsonl").find("gzip"), std::string::npos);
  EXPECT_NE(message("PAR1....", "a.parquet").find("Parquet"), std::string::npos);
  EXPECT_NE(message("hello", "a.data").find("neither its name"), std::string::npos);
  LoadOptions options;
  options.format = "jsnl";
  EXPECT_THROW(read_rows(kGood, "a.jsonl", options), Error);
}

TEST(Json, QuotedTextReadsBackAsItWas) {
  RandomStream random(7);
  JsonParser parser;
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (uint64_t i = random.below(12); i > 0; --i) {
      const char* pieces[] = {"가", "\"", "\\", "\n", "\t", "\x01", "\x1f", "a", "/", "😀", "\x7f", "\b"};
      text += pieces[random.below(std::size(pieces))];
    }
    Value value;
    JsonFault fault;
    ASSERT_TRUE(parser.parse_copy(json_quote(text), value, fault)) << json_quote(text);
    EXPECT_EQ(value.string(), text);
  }
}

// A file must read the same however its bytes fall into the sliding window.
TEST(ByteSource, WindowBordersDoNotMatter) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("hone-window-" + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) + ".jsonl");
  RandomStream random(3);
  std::vector<std::string> texts;
  {
    std::ofstream file(path, std::ios::binary);
    for (int i = 0; i < 40; ++i) {
      texts.push_back(std::string(random.below(200000), static_cast<char>('a' + i % 26)));
      file << "{\"text\": " << json_quote(texts.back()) << "}\n";
    }
  }
  ExampleReader reader(path);
  Row row;
  for (size_t i = 0; i < texts.size(); ++i) {
    ASSERT_TRUE(reader.next(row));
    EXPECT_EQ(row.example.text, texts[i]) << "row " << i;
    EXPECT_EQ(row.example.origin.line, i + 1);
  }
  EXPECT_FALSE(reader.next(row));
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace hone::data
