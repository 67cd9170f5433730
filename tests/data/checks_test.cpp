#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "data/content_key.h"
#include "data/file_check.h"
#include "data/test_rows.h"
#include "data/utf8.h"

namespace hone::data {
namespace {

using Names = std::vector<std::string>;

/// A row of the messages shape from role/content pairs.
std::string chat(std::initializer_list<std::pair<std::string, std::string>> turns) {
  std::string row = "{\"messages\": [";
  for (const auto& [role, content] : turns) {
    row += (row.back() == '[' ? "" : ", ") + ("{\"role\": \"" + role + "\", \"content\": " + json_quote(content) + "}");
  }
  return row + "]}";
}

Names checks(const std::string& row) {
  return read_row(row).checks();
}

TEST(Checks, OrderOfTurns) {
  EXPECT_EQ(checks(chat({{"system", "Be kind."}, {"user", "Hello you"}, {"assistant", "Hello there"}})), Names{});
  EXPECT_EQ(checks(chat({{"user", "Hello you"}})), Names{"no_assistant"});
  EXPECT_EQ(checks(chat({{"user", "Hello you"}, {"assistant", "Hello there"}, {"user", "And then?"}})),
            Names{"last_turn_not_assistant"});
  EXPECT_EQ(checks(chat({{"user", "Hello you"}, {"system", "Be kind."}, {"assistant", "Hello there"}})),
            Names{"system_not_first"});
  EXPECT_EQ(checks(chat({{"assistant", "Hello there"}, {"user", "Hello you"}, {"assistant", "And again"}})),
            Names{"assistant_first"});
  EXPECT_EQ(checks(chat({{"system", "Be kind."}, {"assistant", "Hello there"}})),
            (Names{"assistant_first", "no_user"}));
  EXPECT_EQ(checks(chat({{"user", "Hello you"}, {"user", "Are you there?"}, {"assistant", "Hello there"}})),
            Names{"repeated_role"});
  EXPECT_EQ(checks(chat({{"user", "Hello you"}, {"tool", "42"}, {"assistant", "Hello there"}})),
            Names{"tool_without_call"});
}

TEST(Checks, OneRowMayHaveSeveralFaults) {
  const ReadRow row = read_row(R"({"messages": [{"role": "user", "content": ""}, {"role": "usr", "content": 3}]})");
  EXPECT_EQ(row.checks(), (Names{"unknown_role", "wrong_type", "empty_content"}));
  EXPECT_EQ(row.findings[2].path, "messages[0].content");
}

TEST(Checks, NothingTrained) {
  EXPECT_EQ(
      checks(
          R"({"messages": [{"role": "user", "content": "Hello you"}, {"role": "assistant", "content": "Hello!", "weight": 0}]})"),
      Names{"nothing_trained"});
}

TEST(Checks, BlankIsMoreThanAsciiSpace) {
  for (const char* blank : {"", " \t\n", "\xC2\xA0", "\xE3\x80\x80", "\xE2\x80\x8B", "\xEF\xBB\xBF \xE3\x85\xA4"}) {
    EXPECT_EQ(checks(chat({{"user", "Hello you"}, {"assistant", blank}})), Names{"empty_content"}) << blank;
  }
  EXPECT_FALSE(is_blank("\xE3\x80\x80가"));
  EXPECT_FALSE(is_blank("\xFF"));
}

TEST(Checks, LengthsAreCountedInCharactersWithOpenLimits) {
  const auto with_answer = [](size_t characters) {
    std::string text;
    for (size_t i = 0; i < characters; ++i) text += "가";
    return checks(chat({{"user", "질문이 있어요"}, {"assistant", text}}));
  };
  EXPECT_EQ(with_answer(5), Names{"too_short"});
  EXPECT_EQ(with_answer(6), Names{});
  EXPECT_EQ(with_answer(2047), Names{});
  EXPECT_EQ(with_answer(2048), Names{"too_long"});
}

TEST(Checks, OddCharacters) {
  EXPECT_EQ(checks(R"({"text": "a\u0000b and more"})"), Names{"nul_character"});
  EXPECT_EQ(checks("{\"text\": \"lost \xEF\xBF\xBD here\"}"), Names{"replacement_character"});
  EXPECT_EQ(checks(R"({"text": "\ud800 alone"})"), Names{"invalid_json"});
}

TEST(Checks, DuplicatesMixedShapesAndSmallFiles) {
  const std::string row = chat({{"user", "Hello you"}, {"assistant", "Hello there"}});
  ExampleReader reader(
      row + "\n" + R"({"question": "Hello you", "answer": "Hello there"})" + "\n{\"text\": \"words\"}\n", "t.jsonl");
  const FileReport report = check_rows(reader, {});
  EXPECT_EQ(report.rows, 3u);
  EXPECT_EQ(report.ok, 3u);
  EXPECT_FALSE(report.has_error());
  Names found;
  for (const Finding& finding : report.findings) found.emplace_back(info(finding.check).name);
  EXPECT_EQ(found, (Names{"mixed_shapes", "duplicate_row", "mixed_shapes", "few_rows"}));
  EXPECT_EQ(report.findings[1].line, 2u);
  EXPECT_NE(report.findings[1].message.find("line 1"), std::string::npos);
}

TEST(Checks, AnEmptyFileIsAnError) {
  ExampleReader reader("\n\n", "t.jsonl");
  const FileReport report = check_rows(reader, {});
  EXPECT_TRUE(report.has_error());
  EXPECT_EQ(info(report.findings.at(0).check).name, std::string("no_rows"));
}

TEST(Checks, NamesAreUnique) {
  std::set<std::string> names;
  for (const CheckInfo& check : all_checks()) EXPECT_TRUE(names.insert(check.name).second) << check.name;
  EXPECT_EQ(&info(Check::truncated), &all_checks().back());
}

TEST(Loader, TheFirstBadRowIsNamedOrSkipped) {
  const std::string folder = HONE_SOURCE_DIR "/tests/data/records/";
  LoadOptions options;
  options.shape = "alpaca";
  try {
    load_examples({folder + "chat_tiny.json"}, options);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.place(), folder + "chat_tiny.json:2: instruction");
    EXPECT_EQ(error.exit_code(), 2);
  }
  size_t rejected = 0;
  EXPECT_TRUE(
      load_examples({folder + "chat_tiny.json"}, options, OnBadRow::kSkip, [&](const Row&) { ++rejected; }).empty());
  EXPECT_EQ(rejected, 1u);
  EXPECT_EQ(load_examples({folder + "chat_tiny.json", folder + "instruct_tiny.json"}).size(), 3u);
}

TEST(Utf8, TheFirstInvalidByteIsFound) {
  EXPECT_EQ(find_invalid_utf8("가나다 abc 😀"), std::string_view::npos);
  for (const char* broken : {"\x80", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80",
                             "\xF8", "\xEA\xB0"}) {
    EXPECT_EQ(find_invalid_utf8("가" + std::string(broken)), 3u) << broken;
  }
}

TEST(Utf8, NormalisedTextsAgree) {
  EXPECT_EQ(normalised(" Ｈello\t 한\n글 "), "hello 한 글");
  EXPECT_EQ(normalised("\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB"), "한");  // decomposed Hangul
  EXPECT_EQ(normalised("a\xFF"), "a\xFF");
}

}  // namespace
}  // namespace hone::data
