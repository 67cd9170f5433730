#include "serve/inference/tool_calls.h"

#include <gtest/gtest.h>

namespace hone::serve {
namespace {

std::string shown(const std::string& answer) {
  const ParsedAnswer parsed = parse_tool_calls(answer);
  std::string text = parsed.text;
  for (const ToolCall& call : parsed.calls) text += "|" + call.name + call.arguments;
  return text;
}

TEST(ToolCalls, AreFoundInEveryForm) {
  EXPECT_EQ(shown(R"(<tool_call>{"name": "weather", "arguments": {"city": "서울"}}</tool_call>)"),
            R"(|weather{"city":"서울"})");
  EXPECT_EQ(shown("Let me look.\n<tool_call>\n{\"name\": \"a\", \"arguments\": {}}\n</tool_call>\n"
                  "<tool_call>\n{\"name\": \"b\", \"arguments\": {\"x\": 1}}\n</tool_call>"),
            R"(Let me look.|a{}|b{"x":1})");
  EXPECT_EQ(shown(R"([TOOL_CALLS][{"name": "a", "arguments": {}}, {"name": "b", "arguments": {}}])"), "|a{}|b{}");
  EXPECT_EQ(shown(R"({"name": "a", "parameters": {"x": [1, 2]}})"), R"(|a{"x":[1,2]})");
  EXPECT_EQ(shown(R"({"name": "a", "arguments": "{\"x\": 1}"})"), R"(|a{"x": 1})");
}

TEST(ToolCalls, WhatIsNoneStaysText) {
  for (const char* answer : {"Hello.", "", "{\"name\": \"a\"}", "[1, 2]", "<tool_call>{broken</tool_call>",
                             "{\"name\": 3, \"arguments\": {}}", "<tool_call>", "[TOOL_CALLS]",
                             "<tool_call>{\"name\": \"a\", \"arguments\": 4}</tool_call>"}) {
    EXPECT_EQ(shown(answer), answer);
  }
}

TEST(ToolCalls, ACallThatWasCutOffCountsIfItIsWhole) {
  EXPECT_EQ(shown(R"(<tool_call>{"name": "a", "arguments": {}})"), "|a{}");
}

}  // namespace
}  // namespace hone::serve
