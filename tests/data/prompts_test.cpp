#include "data/prompts.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hone::data {
namespace {

std::vector<Example> read_all(const std::string& content) {
  PromptReader reader(content, "prompts.jsonl");
  std::vector<Example> all;
  while (auto example = reader.next()) all.push_back(std::move(*example));
  return all;
}

std::string place_of_fault(const std::string& content) {
  try {
    read_all(content);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    EXPECT_FALSE(error.remedy().empty()) << error.what();
    return error.place();
  }
  return "";
}

TEST(Prompts, ReadsBothForms) {
  const auto all = read_all(
      "\xEF\xBB\xBF{\"prompt\": \"안녕\"}\r\n\n  \n{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}], "
      "\"tools\": [{\"type\": \"function\"}]}\n{\"prompt\": \"\"}");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].text, "안녕");
  EXPECT_TRUE(all[0].messages.empty());
  ASSERT_EQ(all[1].messages.size(), 1u);
  EXPECT_EQ(all[1].messages[0].content, "q");
  EXPECT_EQ(all[1].tools_json, "[{\"type\":\"function\"}]");
  EXPECT_EQ(all[1].origin.line, 4u);
  EXPECT_EQ(all[2].text, "");
}

TEST(Prompts, AConversationMayEndWithAnyTurn) {
  const auto all = read_all(
      R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}, {"role": "assistant", "content": "b"}]})");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].messages[0].content, "a");
  EXPECT_EQ(all[0].messages[1].role, "assistant");
}

TEST(Prompts, FaultsNameLineAndField) {
  EXPECT_EQ(place_of_fault("{\"prompt\": \"a\"}\n{\"prompt\": 1}"), "prompts.jsonl:2: prompt");
  EXPECT_EQ(place_of_fault("{\"prompt\": null}"), "prompts.jsonl:1: prompt");
  EXPECT_EQ(place_of_fault("{\"prompt\": \"a\""), "prompts.jsonl:1");
  EXPECT_EQ(place_of_fault("\n\"a\""), "prompts.jsonl:2");
  EXPECT_EQ(place_of_fault("{}"), "prompts.jsonl:1");
  EXPECT_EQ(place_of_fault("{\"messages\": []}"), "prompts.jsonl:1: messages");
  EXPECT_EQ(place_of_fault("{\"messages\": {}}"), "prompts.jsonl:1: messages");
  EXPECT_EQ(place_of_fault("{\"messages\": [1]}"), "prompts.jsonl:1: messages[0]");
  EXPECT_EQ(place_of_fault("{\"messages\": [{\"role\": \"user\"}]}"), "prompts.jsonl:1: messages[0].content");
}

}  // namespace
}  // namespace hone::data
