#include "serve/inference/tool_choice.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "serve/api_error.h"
#include "serve/inference/tool_calls.h"

namespace hone::serve {
namespace {

const char* const kTools = R"([{"type": "function", "function": {"name": "a", "parameters": {"type": "object"}}},
                               {"type": "function", "function": {"name": "b"}}])";

Json asked(const std::string& members) {
  return Json::parse(std::string(R"({"tools": )") + kTools + (members.empty() ? "" : ", " + members) + "}");
}
ToolUse use_of(const std::string& members) {
  const Json body = asked(members);
  return read_tool_use(Fields(body));
}
std::string names(const ToolUse& use) {
  std::string all;
  for (const auto& tool : use.callable) all += tool.name;
  return all;
}
std::string fault_of(const Json& body) {
  try {
    read_tool_use(Fields(body));
  } catch (const ApiError& error) {
    return error.what();
  }
  return "";
}

TEST(ToolChoice, EachFormSaysWhatMustBeCalled) {
  using Choice = ToolUse::Choice;
  EXPECT_EQ(use_of("").choice, Choice::kAuto);
  EXPECT_FALSE(use_of("").constrained);
  EXPECT_EQ(use_of(R"("tool_choice": "none", "parallel_tool_calls": false)").choice, Choice::kNone);
  EXPECT_FALSE(use_of(R"("tool_choice": "none", "parallel_tool_calls": false)").constrained);
  EXPECT_TRUE(use_of(R"("tool_choice": "auto", "parallel_tool_calls": false)").constrained);
  const ToolUse required = use_of(R"("tool_choice": "required")");
  EXPECT_TRUE(required.choice == Choice::kRequired && required.constrained && required.parallel);
  EXPECT_EQ(names(required), "ab");
  const ToolUse named = use_of(R"("tool_choice": {"type": "function", "function": {"name": "b"}})");
  EXPECT_TRUE(named.choice == Choice::kNamed && named.constrained && !named.parallel);
  EXPECT_EQ(names(named), "b");
  const ToolUse allowed =
      use_of(R"("tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools":
      [{"type": "function", "function": {"name": "a"}}]}})");
  EXPECT_TRUE(allowed.choice == Choice::kRequired && allowed.constrained);
  EXPECT_EQ(names(allowed), "a");
  const Json old = Json::parse(R"({"functions": [{"name": "a"}, {"name": "c"}], "function_call": {"name": "c"}})");
  const ToolUse legacy = read_tool_use(Fields(old));
  EXPECT_TRUE(legacy.legacy && legacy.choice == Choice::kNamed && !legacy.parallel);
  EXPECT_EQ(names(legacy), "c");
}

TEST(ToolChoice, WhatIsWrongIsRefused) {
  for (const char* choice :
       {R"("all")", "7", "[]", "{}", R"({"type": "function"})", R"({"type": "function", "function": {"name": "c"}})",
        R"({"type": "function", "function": {"name": 1}})", R"({"type": "custom", "custom": {"name": "a"}})",
        R"({"type": "allowed_tools"})", R"({"type": "allowed_tools", "allowed_tools": {"mode": "none", "tools": []}})",
        R"({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}})",
        R"({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [3]}})"}) {
    EXPECT_NE(fault_of(asked(std::string("\"tool_choice\": ") + choice)), "") << choice;
  }
  for (const char* tools :
       {"[1]", "[{}]", R"([{"type": "custom", "custom": {"name": "a"}}])", R"([{"type": "function"}])",
        R"([{"type": "function", "function": {}}])", R"([{"type": "function", "function": {"name": "a b"}}])",
        R"([{"type": "function", "function": {"name": ""}}])",
        R"([{"type": "function", "function": {"name": "\"}, {"}}])",
        R"([{"type": "function", "function": {"name": "a", "parameters": {"type": "string"}}}])",
        R"([{"type": "function", "function": {"name": "a", "parameters": []}}])",
        R"([{"type": "function", "function": {"name": "a", "strict": "yes"}}])"}) {
    EXPECT_NE(fault_of(Json{{"tools", Json::parse(tools)}}), "") << tools;
  }
  EXPECT_NE(fault_of(Json::parse(R"({"tool_choice": "required"})")), "");
  EXPECT_EQ(fault_of(Json::parse(R"({"tool_choice": "auto"})")), "");
}

TEST(CallForms, AreKnownByTheirTemplates) {
  const CallForm* hermes = call_form_of("{% if tools %}<tool_call>\n{\"name\": <function-name>, \"arguments\": …}");
  ASSERT_NE(hermes, nullptr);
  EXPECT_EQ(hermes->opening, "<tool_call>");
  ASSERT_NE(call_form_of("{% if tools %}[AVAILABLE_TOOLS]{{ tools }}[TOOL_CALLS] ["), nullptr);
  ASSERT_NE(call_form_of("{{ tools }} {\"name\": function name, \"parameters\": dictionary of argument name}"),
            nullptr);
  for (const char* unknown : {"", "{{ messages }}", "{% if tools %}{{ tools }}", "tools <tool_call><function=",
                              "<tool_call> arguments", "tools [TOOL_CALLS]name[ARGS]{}"}) {
    EXPECT_EQ(call_form_of(unknown), nullptr) << unknown;
  }
}

TEST(CallForms, ACallWithoutItsEndIsShownAsFarAsItGoes) {
  const CallForm& form = *call_form_of("tools <tool_call> arguments");
  const auto call = cut_off_call("<tool_call>\n{\"name\": \"a\", \"arguments\": {\"x\": \"y", form);
  ASSERT_TRUE(call.has_value());
  EXPECT_EQ(call->name + call->arguments, "a{\"x\": \"y");
  EXPECT_FALSE(cut_off_call("<tool_call>\n{\"name\": \"a", form).has_value());
  EXPECT_FALSE(cut_off_call("Hello", form).has_value());
}

}  // namespace
}  // namespace hone::serve
