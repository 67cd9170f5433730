#include <gtest/gtest.h>

#include "base/strings.h"
#include "data/content_key.h"
#include "data/messages_writer.h"
#include "data/shapes/shape.h"
#include "data/test_rows.h"

namespace hone::data {
namespace {

constexpr const char* kUser = R"({"role": "user", "content": "하늘은 무슨 색?"})";
constexpr const char* kBlue = R"({"role": "assistant", "content": "파란색입니다."})";
constexpr const char* kGreen = R"({"role": "assistant", "content": "초록색입니다."})";

std::string list(std::initializer_list<const char*> turns) {
  std::vector<std::string> parts(turns.begin(), turns.end());
  return "[" + join(parts, ",") + "]";
}

std::string row_of(const std::string& prompt, const std::string& chosen, const std::string& rejected) {
  return (prompt.empty() ? "{" : "{\"prompt\":" + prompt + ",") + "\"chosen\":" + chosen + ",\"rejected\":" + rejected +
         "}";
}

std::string turns(const std::vector<Message>& messages) {
  std::string text;
  for (const Message& turn : messages) {
    text += (text.empty() ? "" : " | ") + turn.role + (turn.trained ? ": " : "(0): ") + turn.content;
  }
  return text;
}

/// "prompt and chosen // rejected branch @ shared"
std::string pair_of(const Example& example) {
  if (!example.rejected) return "no pair";
  const Example other = rejected_branch(example);
  const std::string shared = " @ " + std::to_string(example.rejected->shared);
  if (example.messages.empty()) return example.text + " // " + other.text + shared;
  return turns(example.messages) + " // " + turns(other.messages) + shared;
}

TEST(Preference, EveryFormBecomesTheSamePair) {
  const std::string expected =
      "user: 하늘은 무슨 색? | assistant: 파란색입니다. // user: 하늘은 무슨 색? | assistant: 초록색입니다. @ 1";
  const std::string chosen = list({kUser, kBlue}), rejected = list({kUser, kGreen});
  const std::string rows[] = {
      row_of(list({kUser}), list({kBlue}), list({kGreen})),          // TRL, explicit prompt
      row_of("", chosen, rejected),                                  // TRL, implicit prompt
      row_of("\"하늘은 무슨 색?\"", chosen, rejected),               // UltraFeedback: the prompt told twice
      row_of("\"하늘은 무슨 색?\"", list({kBlue}), list({kGreen})),  // a text beside messages
      row_of(list({kUser}), "\"파란색입니다.\"", "\"초록색입니다.\""),
      "{\"messages\":" + chosen + "," + row_of("", chosen, rejected).substr(1),  // UltraFeedback has messages too
  };
  for (const std::string& text : rows) {
    const ReadRow row = read_row(text);
    EXPECT_TRUE(row.findings.empty()) << text << row.findings[0].message;
    EXPECT_EQ(row.shape, "preference") << text;
    EXPECT_EQ(pair_of(row.example), expected) << text;
    const ReadRow again = read_row(to_messages_line(row.example));
    EXPECT_TRUE(content_key(again.example) == content_key(row.example)) << to_messages_line(row.example);
  }
}

TEST(Preference, AnswersInsideThePromptAreContext) {
  const ReadRow row = read_row(row_of("", list({kUser, kBlue, R"({"role":"user","content":"정말로요?"})", kBlue}),
                                      list({kUser, kBlue, R"({"role":"user","content":"정말로요?"})", kGreen})));
  ASSERT_TRUE(row.ok);
  EXPECT_EQ(row.example.rejected->shared, 3u);
  EXPECT_EQ(turns(row.example.messages),
            "user: 하늘은 무슨 색? | assistant(0): 파란색입니다. | user: 정말로요? | assistant: 파란색입니다.");
}

TEST(Preference, TextsStayTexts) {
  const ReadRow parted =
      read_row(R"({"prompt": "The sky is", "chosen": " blue, I say.", "rejected": " green, I say."})");
  const ReadRow whole = read_row(R"({"chosen": "The sky is blue, I say.", "rejected": "The sky is green, I say."})");
  EXPECT_EQ(pair_of(parted.example), "The sky is blue, I say. // The sky is green, I say. @ 10");
  EXPECT_EQ(pair_of(whole.example), pair_of(parted.example));
  EXPECT_TRUE(content_key(read_row(to_messages_line(whole.example)).example) == content_key(parted.example));
  // A common beginning ends with a word, also where one text goes on from the other.
  EXPECT_EQ(read_row(R"({"chosen": "It was good, sir.", "rejected": "It was great, sir."})").example.rejected->shared,
            6u);
  EXPECT_EQ(
      read_row(R"({"chosen": "Two and two: four", "rejected": "Two and two: four more"})").example.rejected->shared,
      12u);
  EXPECT_EQ(read_row("prompt,chosen,rejected\nWhat now?, Go home., Stay here.\n", "pairs.csv").shape, "preference");
}

TEST(Preference, FaultsNameTheBranchAndTheField) {
  const std::string empty = R"({"role": "assistant", "content": " "})";
  const std::pair<std::string, std::pair<const char*, const char*>> faults[] = {
      {R"({"prompt": "Say something", "chosen": "Something."})", {"missing_field", "rejected"}},
      {R"({"prompt": "Say something", "rejected": "Something."})", {"missing_field", "chosen"}},
      {R"({"prompt": "Say something", "chosen": "Something.", "rejected": 3})", {"wrong_type", "rejected"}},
      {R"({"prompt": 3, "chosen": "Something.", "rejected": "Nothing."})", {"wrong_type", "prompt"}},
      {R"({"prompt": " ", "chosen": "Something.", "rejected": "Nothing."})", {"empty_content", "prompt"}},
      {R"({"prompt": "Say something", "chosen": "Something.", "rejected": ""})", {"empty_content", "rejected"}},
      {R"({"prompt": "Say something", "chosen": "Nothing.", "rejected": "Nothing."})", {"equal_answers", "rejected"}},
      {R"({"chosen": "Nothing at all.", "rejected": "Nothing at all."})", {"equal_answers", "rejected"}},
      {R"({"chosen": "Yes, it is.", "rejected": "No, not so."})", {"different_prompts", "rejected"}},
      {row_of(list({kUser}), list({kBlue}), list({kBlue})), {"equal_answers", "rejected"}},
      {row_of("", list({kUser, kBlue}), list({kUser, kBlue})), {"equal_answers", "rejected"}},
      {row_of("", list({kUser, kBlue}), list({kUser})), {"no_assistant", "rejected"}},
      {row_of("", list({kUser}), list({kUser, kBlue})), {"no_assistant", "chosen"}},
      {row_of("", list({kBlue}), list({kGreen})), {"different_prompts", "rejected"}},
      {row_of(list({}), list({kBlue}), list({kGreen})), {"different_prompts", "prompt"}},
      {row_of("\"다른 질문입니다\"", list({kUser, kBlue}), list({kUser, kGreen})), {"different_prompts", "prompt"}},
      // The field "prompt" in messages, and it again in both answers.
      {row_of(list({kUser}), list({kUser, kBlue}), list({kUser, kGreen})), {"different_prompts", "chosen[0].content"}},
      {row_of(list({kUser}), list({kBlue}), list({empty.c_str()})), {"empty_content", "rejected[0].content"}},
      {row_of(list({kUser}), list({empty.c_str()}), list({kGreen})), {"empty_content", "chosen[0].content"}},
      {row_of(list({kUser}), list({kBlue}), list({kGreen, kUser})), {"last_turn_not_assistant", "rejected[1].content"}},
      {row_of(list({kUser}), list({kBlue}), R"([{"role": "asistant", "content": "Hello"}])"),
       {"unknown_role", "rejected[0].role"}},
      {row_of(list({kUser}), list({kBlue}), R"([{"role": "assistant", "content": "Hello you", "weight": 0}])"),
       {"nothing_trained", "rejected"}},
      {row_of("[]", "[]", "[]"), {"no_assistant", "chosen"}},
  };
  for (const auto& [text, expected] : faults) {
    const ReadRow row = read_row(text);
    EXPECT_FALSE(row.ok) << text;
    EXPECT_EQ(row.shape, "preference") << text;
    bool found = false;
    for (const Finding& finding : row.findings) {
      found = found || (std::string(info(finding.check).name) == expected.first && finding.path == expected.second);
      EXPECT_FALSE(finding.fix.empty()) << text;
    }
    EXPECT_TRUE(found) << text << "\n" << (row.findings.empty() ? "" : describe(row.findings[0], "first"));
  }
}

TEST(Preference, WhatBothBranchesHaveInCommonIsToldOnce) {
  const ReadRow row = read_row(row_of(R"([{"role": "user", "content": "짧다"}])", list({kBlue}), list({kGreen})));
  EXPECT_EQ(row.checks(), (std::vector<std::string>{"too_short"}));
  EXPECT_TRUE(row.ok);
}

TEST(Preference, PairsOfOnePromptAreKnownAsSuch) {
  const Example one = read_row(row_of(list({kUser}), list({kBlue}), list({kGreen}))).example;
  const Example turned = read_row(row_of("", list({kUser, kGreen}), list({kUser, kBlue}))).example;
  EXPECT_EQ(prompt_key(one), prompt_key(turned));
  EXPECT_FALSE(content_key(one) == content_key(turned));
  EXPECT_NE(answer_key(one), answer_key(turned));
  EXPECT_EQ(prompt_key(read_row(R"({"prompt": "The sky is", "chosen": " blue", "rejected": " red"})").example),
            prompt_key(read_row(R"({"chosen": "The  sky is pink", "rejected": "The  sky is green"})").example));
}

}  // namespace
}  // namespace hone::data
