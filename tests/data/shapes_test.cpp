#include <gtest/gtest.h>

#include "data/file_check.h"
#include "data/messages_writer.h"
#include "data/shapes/shape.h"
#include "data/test_rows.h"

namespace hone::data {
namespace {

using Names = std::vector<std::string>;

/// "user: Hi | assistant: Hello"
std::string turns(const Example& example) {
  std::string text;
  for (const Message& turn : example.messages) {
    text += (text.empty() ? "" : " | ") + turn.role + (turn.trained ? ": " : "(0): ") + turn.content;
  }
  return text;
}

TEST(Shapes, EachBecomesTheSameConversation) {
  const std::string expected = "user: 안녕하세요? | assistant: 네, 안녕하세요.";
  const std::pair<const char*, const char*> rows[] = {
      {"messages",
       R"({"messages": [{"role": "user", "content": "안녕하세요?"}, {"role": "assistant", "content": "네, 안녕하세요."}]})"},
      {"messages",
       R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "안녕"}, {"type": "text", "text": "하세요?"}]},
                                    {"role": "assistant", "content": "네, 안녕하세요.", "weight": 1}]})"},
      {"sharegpt",
       R"({"id": 1, "conversations": [{"from": "human", "value": "안녕하세요?"}, {"from": "gpt", "value": "네, 안녕하세요."}]})"},
      {"sharegpt",
       R"({"conversations": [{"role": "user", "content": "안녕하세요?"}, {"role": "assistant", "content": "네, 안녕하세요."}]})"},
      {"alpaca", R"({"instruction": "안녕하세요?", "input": "", "output": "네, 안녕하세요."})"},
      {"alpaca", R"({"instruction": "안녕하세요?", "response": "네, 안녕하세요."})"},
      {"alpaca", R"({"instruction": "안녕하세요?", "instances": [{"input": "", "output": "네, 안녕하세요."}]})"},
      {"prompt_completion", R"({"prompt": "안녕하세요?", "completion": "네, 안녕하세요."})"},
      {"prompt_completion",
       R"({"prompt": [{"role": "user", "content": "안녕하세요?"}], "completion": [{"role": "assistant", "content": "네, 안녕하세요."}]})"},
      {"qa", R"({"question": "안녕하세요?", "answer": "네, 안녕하세요."})"},
      {"qa", R"({"q": "안녕하세요?", "a": "네, 안녕하세요."})"},
      {"qa", R"({"질문": "안녕하세요?", "답변": "네, 안녕하세요."})"},
  };
  for (const auto& [shape, text] : rows) {
    LoadOptions options;
    options.format = "json";  // some of the rows above span lines
    const ReadRow row = read_row(text, "test.json", options);
    EXPECT_TRUE(row.ok) << text;
    EXPECT_EQ(row.shape, shape) << text;
    EXPECT_EQ(turns(row.example), expected) << text;
  }
}

TEST(Shapes, ContextInputSystemAndHistory) {
  EXPECT_EQ(
      turns(read_row(R"({"instruction": "Translate.", "input": "Guten Tag", "output": "Good day", "system": "Be brief.",
                              "history": [["Hallo", "Hello"]]})",
                     "t.json")
                .example),
      "system: Be brief. | user: Hallo | assistant: Hello | user: Translate.\n\nGuten Tag | assistant: Good day");
  EXPECT_EQ(turns(read_row(R"({"question": "When?", "context": "In 1948.", "answer": "1948, it says."})").example),
            "user: In 1948.\n\nWhen? | assistant: 1948, it says.");
  EXPECT_EQ(
      turns(read_row(R"({"prompt": [{"role": "user", "content": "Hi there"}, {"role": "assistant", "content": "Hello."},
                                          {"role": "user", "content": "Again?"}], "completion": "Hello again."})",
                     "t.json")
                .example),
      "user: Hi there | assistant(0): Hello. | user: Again? | assistant: Hello again.");
}

TEST(Shapes, WeightToolsAndOtherFieldsAreKept) {
  const ReadRow row = read_row(R"({"tools": [{"type": "function", "function": {"name": "f"}}], "messages": [
      {"role": "developer", "content": "Use tools."}, {"role": "user", "content": "Weather?", "name": "kim"},
      {"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
      {"role": "tool", "tool_call_id": "1", "content": "sunny"},
      {"role": "assistant", "content": "It is sunny.", "weight": 0}, {"role": "user", "content": "Thanks"},
      {"role": "assistant", "content": "You are welcome."}]})",
                               "t.json");
  ASSERT_TRUE(row.ok) << (row.findings.empty() ? "" : row.findings[0].message);
  EXPECT_EQ(turns(row.example),
            "system: Use tools. | user: Weather? | assistant:  | tool: sunny | assistant(0): It is sunny. | "
            "user: Thanks | assistant: You are welcome.");
  EXPECT_EQ(row.example.messages[1].extra_json, R"({"name":"kim"})");
  EXPECT_TRUE(has_member(row.example.messages[2].extra_json, "tool_calls"));
  EXPECT_EQ(row.example.tools_json, R"([{"type":"function","function":{"name":"f"}}])");
  const ReadRow again = read_row(to_messages_line(row.example));
  EXPECT_EQ(to_messages_line(again.example), to_messages_line(row.example));
  EXPECT_EQ(again.example.messages[2].extra_json, row.example.messages[2].extra_json);
}

TEST(Shapes, ToolCallsOfShareGpt) {
  const ReadRow row = read_row(R"({"tools": "[{\"name\": \"f\", \"parameters\": {}}]", "conversations": [
      {"from": "human", "value": "Call f please"}, {"from": "function_call", "value": "{\"name\": \"f\", \"arguments\": {\"x\": 1}}"},
      {"from": "observation", "value": "2"}, {"from": "gpt", "value": "It is two."}]})",
                               "t.json");
  ASSERT_TRUE(row.ok);
  EXPECT_EQ(row.example.messages[1].extra_json,
            R"({"content":null,"tool_calls":[{"type":"function","function":{"name":"f","arguments":{"x":1}}}]})");
  EXPECT_EQ(row.example.tools_json, R"([{"type":"function","function":{"name":"f","parameters":{}}}])");
}

TEST(Shapes, FaultsNameTheField) {
  const std::pair<const char*, std::pair<const char*, const char*>> faults[] = {
      {R"({"messages": "Hi"})", {"wrong_type", "messages"}},
      {R"({"messages": []})", {"no_messages", ""}},
      {R"({"messages": [7]})", {"wrong_type", "messages[0]"}},
      {R"({"messages": [{"content": "x"}]})", {"missing_field", "messages[0].role"}},
      {R"({"messages": [{"role": "asistant", "content": "Hello you"}]})", {"unknown_role", "messages[0].role"}},
      {R"({"messages": [{"role": "user"}]})", {"missing_field", "messages[0].content"}},
      {R"({"messages": [{"role": "user", "content": 7}]})", {"wrong_type", "messages[0].content"}},
      {R"({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})",
       {"unsupported_part", "messages[0].content[0]"}},
      {R"({"messages": [{"role": "user", "content": "Hello you"}, {"role": "assistant", "content": null}]})",
       {"null_content", "messages[1].content"}},
      {R"({"messages": [{"role": "user", "content": "Hello you"}, {"role": "assistant", "content": "Hello!", "weight": 2}]})",
       {"invalid_weight", "messages[1].weight"}},
      {R"({"messages": [{"role": "user", "content": "Hello you", "weight": 1}]})",
       {"invalid_weight", "messages[0].weight"}},
      {R"({"conversations": [{"from": "alien", "value": "x"}]})", {"unknown_role", "conversations[0].from"}},
      {R"({"conversations": [{"from": "human", "value": null}]})", {"null_content", "conversations[0].value"}},
      {R"({"instruction": "Say something"})", {"missing_field", "output"}},
      {R"({"prompt": "Say something"})", {"missing_field", "completion"}},
      {R"({"completion": "Something"})", {"missing_field", "prompt"}},
      {R"({"question": "Why is that?", "answer": 42})", {"wrong_type", "answer"}},
      {R"({"question": "Why is that?", "answer": "Because.", "context": " "})", {"empty_content", "context"}},
      {R"({"text": null})", {"null_content", "text"}},
      {R"({"": "x", "y": 1})", {"unknown_shape", ""}},
      {R"({})", {"unknown_shape", ""}},
  };
  for (const auto& [text, expected] : faults) {
    const ReadRow row = read_row(text);
    ASSERT_FALSE(row.findings.empty()) << text;
    EXPECT_FALSE(row.ok) << text;
    EXPECT_EQ(row.checks()[0], expected.first) << text;
    EXPECT_EQ(row.findings[0].path, expected.second) << text;
    EXPECT_FALSE(row.findings[0].fix.empty()) << text;
  }
}

TEST(Shapes, EveryEntryOfTheListIsDistinctAndForceable) {
  for (const auto& entry : shapes().entries()) {
    LoadOptions options;
    options.shape = entry.name;
    EXPECT_EQ(read_row("{}", "t.jsonl", options).shape, entry.name);
    EXPECT_FALSE(read_row("{}", "t.jsonl", options).ok) << entry.name;
    EXPECT_FALSE(entry.summary.empty());
  }
  LoadOptions options;
  options.shape = "text";
  EXPECT_EQ(read_row(R"({"messages": [], "text": "raw words"})", "t.jsonl", options).example.text, "raw words");
}

TEST(Shapes, RealFilesOfEachKindAreCleanOrHaveTheirKnownFaults) {
  const std::string folder = HONE_SOURCE_DIR "/tests/data/records/";
  const auto report = [&](const char* file) { return check_file(folder + file, {}); };
  const auto toy = report("toy_chat_fine_tuning.jsonl");
  EXPECT_EQ(toy.rows, 10u);
  EXPECT_EQ(toy.ok, 10u);
  std::map<std::string, int> counts;
  for (const Finding& finding : toy.findings) ++counts[info(finding.check).name];
  EXPECT_EQ(counts, (std::map<std::string, int>{
                        {"no_user", 3}, {"assistant_first", 3}, {"too_long", 1}, {"duplicate_row", 5}}));
  for (const char* file : {"chat_tiny.json", "instruct_tiny.json", "glaive_toolcall.json", "identity.json",
                           "ko_user_instructions.jsonl", "chatbot.csv"}) {
    const auto clean = report(file);
    EXPECT_GT(clean.rows, 0u) << file;
    EXPECT_EQ(clean.ok, clean.rows) << file;
  }
  EXPECT_EQ(report("nsmc.tsv").shapes.at("text"), 100u);
}

}  // namespace
}  // namespace hone::data
