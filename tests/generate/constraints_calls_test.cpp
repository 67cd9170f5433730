// Answers that call functions: what the grammar of a form takes, and that text stays free until it opens calls.
#include <gtest/gtest.h>

#include "base/error.h"
#include "error_of.h"
#include "generate/constraints/matcher.h"
#include "generate/constraints/tool_calls.h"
#include "json_walk.h"
#include "text/tokenizer.h"

namespace hone::generate {
namespace {

const CallFrame kFrame = {.first = {"\n"},
                          .before = R"({"name": ")",
                          .middle = R"(", "arguments": )",
                          .after = "}",
                          .separator = "\n</tool_call>\n<tool_call>\n",
                          .last = "\n</tool_call>",
                          .most = 3};

std::vector<CallableTool> tools() {
  return {{"weather",
           R"({"type": "object", "properties": {"city": {"$ref": "#/$defs/city"}, "days": {"type": "integer",
               "minimum": 1, "maximum": 9}}, "required": ["city"], "additionalProperties": false, "$defs": {"city": {"enum": ["서울", "Paris"]}}})"},
          {"clock",
           R"({"type": "object", "properties": {"zone": {"$ref": "#/$defs/zone"}}, "required": ["zone"],
               "additionalProperties": false, "$defs": {"zone": {"type": "string", "maxLength": 4}}})"}};
}

std::shared_ptr<const TokenTrie> trie() {
  static const auto made = std::make_shared<TokenTrie>(
      text::Tokenizer::load(std::string(HONE_SOURCE_DIR) + "/tests/data/tokenizers/tinystories.tokenizer.json"));
  return made;
}

/// Feeds `text` byte by byte, by tokens of one byte; false where one of them is not allowed.
bool say(Constraint& constraint, const std::string& text) {
  for (const char byte : text) {
    int32_t token = -1;
    for (int32_t id = 0; id < static_cast<int32_t>(trie()->words() * 64) && token < 0; ++id) {
      if (trie()->bytes(id) == std::string_view(&byte, 1)) token = id;
    }
    std::vector<float> logits(trie()->words() * 64);
    constraint.mask(logits);
    if (token < 0 || std::isinf(logits[static_cast<size_t>(token)])) return false;
    constraint.accept(token);
  }
  return true;
}

TEST(ToolCallGrammar, TakesCallsOfEachFunctionByItsOwnSchema) {
  Matcher matcher(compile_tool_calls(tools(), kFrame));
  const std::string weather = R"({"name": "weather", "arguments": {"city": "서울", "days": 3}})";
  const std::string clock = R"({"name": "clock", "arguments": {"zone": "KST"}})";
  const std::string between = "\n</tool_call>\n<tool_call>\n", end = "\n</tool_call>";
  EXPECT_TRUE(matcher.matches("\n" + weather + end));
  EXPECT_TRUE(matcher.matches("\n" + clock + between + weather + between + clock + end));
  for (const std::string& wrong : {std::string(), "\n" + weather, weather + end, "\n" + clock + between + end,
                                   "\n" + clock + between + clock + between + clock + between + clock + end,
                                   std::string("\n") + R"({"name": "clock", "arguments": {"city": "서울"}})" + end,
                                   std::string("\n") + R"({"name": "weather", "arguments": {"city": "Rome"}})" + end,
                                   std::string("\n") + R"({"name": "weather", "arguments": {}})" + end,
                                   std::string("\n") + R"({"name": "other", "arguments": {}})" + end}) {
    EXPECT_FALSE(matcher.matches(wrong)) << wrong;
  }
}

TEST(ToolCallGrammar, WhatCannotBeCompiledNamesTheFunction) {
  auto odd = tools();
  odd[1].parameters = R"({"type": "object", "properties": {"zone": {"type": "string", "contentEncoding": "base64"}}})";
  EXPECT_NE(std::string(error_of([&] { compile_tool_calls(odd, kFrame); }).what()).find("function 'clock'"),
            std::string::npos);
  odd = tools();
  odd[1].strict = true;
  odd[1].parameters =
      R"({"type": "object", "properties": {"zone": {"type": "string"}}, "additionalProperties": false})";
  EXPECT_NE(std::string(error_of([&] { compile_tool_calls(odd, kFrame); }).what())
                .find("Invalid schema for function 'clock'"),
            std::string::npos);
  // All functions share one bound.
  std::vector<CallableTool> many(128, {"f", R"({"type": "object", "properties": {"x": {"type": "string",
      "pattern": "^(a|b|c){1,300}[0-9a-f]{200}$"}}})"});
  EXPECT_NE(std::string(error_of([&] { compile_tool_calls(many, kFrame); }).what()).find("too large"),
            std::string::npos);
}

TEST(ToolCallConstraint, EveryWalkEndsInCalls) {
  const auto grammar = compile_tool_calls(tools(), kFrame);
  const auto stop = static_cast<int32_t>(trie()->words() * 64);
  std::mt19937_64 random(3);
  for (int i = 0; i < 20; ++i) {
    const auto constraint = make_constraint(grammar, trie(), {stop});
    const Walk walk = random_walk(*constraint, *trie(), stop, static_cast<size_t>(stop) + 1, random);
    ASSERT_TRUE(walk.ended) << walk.text;
    EXPECT_TRUE(Matcher(grammar).matches(walk.text)) << walk.text;
  }
}

TEST(ToolCallConstraint, TextIsFreeUntilItOpensCalls) {
  const auto grammar = compile_tool_calls(tools(), kFrame);
  const auto make = [&] { return make_calls_once_opened(grammar, trie(), {"<tool_call>", {}}, {}); };
  auto constraint = make();
  EXPECT_TRUE(constraint->may_end());
  EXPECT_TRUE(say(*constraint, "Let me see: {\"name\": 1} <tool_cal> <tool<tool_call"));
  EXPECT_TRUE(constraint->may_end());
  EXPECT_TRUE(say(*constraint, ">"));
  EXPECT_FALSE(constraint->may_end());
  EXPECT_FALSE(say(*constraint, " "));
  constraint = make();
  EXPECT_TRUE(say(*constraint, "<tool_call>\n{\"name\": \"clock\", \"arguments\": {\"zone\": \"KST"));
  EXPECT_FALSE(constraint->finished());
  EXPECT_TRUE(say(*constraint, "\"}}\n</tool_call>"));
  EXPECT_TRUE(constraint->may_end());
  EXPECT_FALSE(say(*constraint, "\n\n"));
  constraint = make();
  EXPECT_FALSE(say(*constraint, "<tool_call>\n{\"name\": \"clock\", \"arguments\": {\"city\""));
}

TEST(ToolCallConstraint, NoTokenReachesBeyondTheMark) {
  // A mark whose last byte is a common one: what a longer token says behind it is not the grammar's first byte.
  const auto grammar = compile_tool_calls(tools(), kFrame);
  const auto constraint = make_calls_once_opened(grammar, trie(), {"th", {}}, {});
  ASSERT_TRUE(say(*constraint, "t"));
  std::vector<float> logits(trie()->words() * 64);
  constraint->mask(logits);
  size_t allowed = 0, ruled_out = 0;
  for (size_t id = 0; id < logits.size(); ++id) {
    const std::string_view bytes = trie()->bytes(static_cast<int32_t>(id));
    const size_t at = ("t" + std::string(bytes)).find("th");
    const bool beyond = at != std::string::npos && at + 2 < bytes.size() + 1;
    EXPECT_EQ(std::isinf(logits[id]), beyond) << bytes;
    ++(beyond ? ruled_out : allowed);
  }
  EXPECT_GT(ruled_out, 3U);
  EXPECT_GT(allowed, 100U);
}

TEST(ToolCallConstraint, WithoutAMarkTheFirstByteDecides) {
  CallFrame frame = kFrame;
  frame.first = {};
  frame.middle = R"(", "parameters": )";
  frame.last = "";
  frame.most = 1;
  const auto grammar = compile_tool_calls(tools(), frame);
  const auto make = [&] { return make_calls_once_opened(grammar, trie(), {}, {}); };
  auto constraint = make();
  EXPECT_TRUE(say(*constraint, "Hello {\"name\": \"nobody\"}"));
  constraint = make();
  EXPECT_TRUE(say(*constraint, "\n {\"name\": \"clock\", \"parameters\": {\"zone\": \"\"}}"));
  EXPECT_TRUE(constraint->finished());
  constraint = make();
  EXPECT_FALSE(say(*constraint, "{\"name\": \"nobody"));
  constraint = make();
  EXPECT_FALSE(say(*constraint, "{\"city"));
}

}  // namespace
}  // namespace hone::generate
