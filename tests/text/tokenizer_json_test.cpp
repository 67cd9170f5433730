// Damaged and hostile tokenizer.json files: each is an Error that names the file and the field, never a crash.
#include <gtest/gtest.h>

#include "error_of.h"
#include "text/test_tokenizer.h"

namespace hone::text {
namespace {

/// What parsing says about the small tokenizer with `pointer` set to `value`.
Error fault(const std::string& pointer, const Json& value) {
  Json document = small_json();
  document[Json::json_pointer(pointer)] = value;
  return error_of([&] { parse_tokenizer(document); });
}

void expect_fault(const std::string& pointer, const Json& value, const std::string& place, const std::string& message) {
  const Error error = fault(pointer, value);
  EXPECT_EQ(error.kind(), ErrorKind::kInput) << pointer;
  EXPECT_TRUE(contains(error.place(), "test.json")) << pointer << ": " << error.what();
  EXPECT_TRUE(contains(error.place(), place)) << pointer << ": " << error.what();
  EXPECT_TRUE(contains(error.message(), message)) << pointer << ": " << error.what();
}

TEST(TokenizerJson, TheSmallOneIsGood) {
  EXPECT_EQ(parse_tokenizer(small_json()).vocab_size(), 9u);
}

TEST(TokenizerJson, NotEvenJson) {
  for (const std::string text : {"", "{", "[]", "null", "{\"model\": }", "\xFF\xFE", "{\"model\": \"\\ud800\"}"}) {
    EXPECT_EQ(error_of([&] { Tokenizer::parse(text, "test.json"); }).place().substr(0, 9), "test.json") << text;
  }
  EXPECT_TRUE(contains(error_of([] { Tokenizer::parse("{}", "test.json"); }).message(), "model"));
}

TEST(TokenizerJson, WrongTypes) {
  expect_fault("/model", 3, "model", "object");
  expect_fault("/model/vocab", "abc", "model.vocab", "object");
  expect_fault("/model/vocab/a", "0", "model.vocab", "\"a\"");
  expect_fault("/model/vocab/a", 0.5, "model.vocab", "\"a\"");
  expect_fault("/model/merges", 7, "model.merges", "list");
  expect_fault("/model/merges/1", 7, "model.merges[1]", "two tokens");
  expect_fault("/model/merges/1", "abc", "model.merges[1]", "two tokens");
  expect_fault("/model/merges/1", "a b c", "model.merges[1]", "two tokens");
  expect_fault("/model/merges/1", Json::array({"a"}), "model.merges[1]", "two tokens");
  expect_fault("/model/merges/1", Json::array({"a", 1}), "model.merges[1]", "two tokens");
  expect_fault("/model/type", "Markov", "model.type", "Markov");
  expect_fault("/model/byte_fallback", "yes", "model.byte_fallback", "true or false");
  expect_fault("/model/dropout", 0.1, "model.dropout", "random");
  expect_fault("/added_tokens", "x", "added_tokens", "list");
  expect_fault("/added_tokens/0/id", "8", "added_tokens[0].id", "integer");
  expect_fault("/added_tokens/0/content", nullptr, "added_tokens[0].content", "string");
  expect_fault("/added_tokens/0/special", 1, "added_tokens[0].special", "true or false");
  expect_fault("/added_tokens/0", 1, "added_tokens[0]", "object");
  expect_fault("/normalizer", "NFC", "normalizer", "object");
  expect_fault("/normalizer", Json{{"type", "NFZ"}}, "normalizer", "NFZ");
  expect_fault("/pre_tokenizer", Json{{"type", 3}}, "pre_tokenizer.type", "string");
  expect_fault("/decoder", Json::object(), "decoder", "type");
}

TEST(TokenizerJson, MissingKeys) {
  for (const std::string pointer : {"/added_tokens/0/id", "/added_tokens/0/content"}) {
    Json document = small_json();
    const Json::json_pointer where(pointer);
    document[where.parent_pointer()].erase(where.back());
    const Error error = error_of([&] { parse_tokenizer(document); });
    EXPECT_TRUE(contains(error.message(), where.back())) << error.what();
  }
  expect_fault("/pre_tokenizer", Json{{"type", "Split"}}, "pre_tokenizer", "pattern");
  expect_fault("/normalizer", Json{{"type", "Sequence"}}, "normalizer", "normalizers");
  expect_fault("/decoder", Json::parse(R"({"type": "Strip", "content": " ", "stop": 0})"), "decoder", "start");
  expect_fault("/post_processor",
               Json::parse(R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}]})"),
               "post_processor", "<s>");
}

TEST(TokenizerJson, IdsOutOfRange) {
  for (const Json& id : {Json(-1), Json(int64_t{1} << 40), Json(uint64_t{1} << 63), Json(2147483647), Json(16777215)}) {
    expect_fault("/model/vocab/a", id, "model.vocab", "id");
  }
  for (const Json& id : {Json(-1), Json(int64_t{1} << 40), Json(2147483647)}) {
    expect_fault("/added_tokens/0/id", id, "added_tokens[0].id", "");
  }
}

TEST(TokenizerJson, MergesOutsideTheVocabulary) {
  expect_fault("/model/merges/0", Json::array({"x", "c"}), "merges", "\"x\"");
  expect_fault("/model/merges/0", Json::array({"c", "x"}), "merges", "\"x\"");
  expect_fault("/model/merges/0", Json::array({"c", "b"}), "merges", "\"cb\"");  // both are, what they make is not
  expect_fault("/model/unk_token", "<unk>", "unk_token", "<unk>");
}

TEST(TokenizerJson, MergesThatContradictEachOtherEnd) {
  // Duplicates, a pair that makes itself longer and longer, empty sides: encoding still ends.
  Json document = small_json();
  document["model"]["vocab"] = {{"a", 0}, {"aa", 1}, {"aaaa", 2}, {"", 3}, {"aaa", 4}};
  document["model"]["merges"] = Json::parse(
      R"([["a", "a"], ["aa", "aa"], ["a", "aa"], ["aa", "a"], ["a", "a"], ["", "a"], ["a", ""], ["", ""]])");
  const Tokenizer tokenizer = parse_tokenizer(document);
  for (size_t length = 0; length < 200; ++length) {
    const std::string text(length, 'a');
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
  }
}

TEST(TokenizerJson, DeepNesting) {
  std::string inside = "null";
  for (int depth = 0; depth < 100000; ++depth) inside = "[" + inside + "]";
  EXPECT_EQ(error_of([&] { Tokenizer::parse("{\"model\": " + inside + "}", "test.json"); }).kind(), ErrorKind::kInput);
  for (const auto& [section, list] : {std::pair<const char*, const char*>{"normalizer", "normalizers"},
                                      {"pre_tokenizer", "pretokenizers"},
                                      {"post_processor", "processors"},
                                      {"decoder", "decoders"}}) {
    std::string part = "null";
    for (int depth = 0; depth < 5000; ++depth) {
      part = std::string(R"({"type": "Sequence", ")") + list + "\": [" + part + "]}";
    }
    std::string document = small_json().dump();
    const std::string key = std::string("\"") + section + "\":";
    const size_t at = document.find(key) + key.size();
    document.replace(at, document[at] == 'n' ? 4 : document.find('}', at) + 1 - at, part);
    EXPECT_EQ(error_of([&] { Tokenizer::parse(document, "test.json"); }).kind(), ErrorKind::kInput) << section;
  }
}

TEST(TokenizerJson, ReplacementsCannotFillTheMemory) {
  Json document = small_json();
  Json doubling = Json::array();
  for (int i = 0; i < 60; ++i)
    doubling.push_back({{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}});
  document["normalizer"] = {{"type", "Sequence"}, {"normalizers", doubling}};
  const Tokenizer tokenizer = parse_tokenizer(document);
  EXPECT_TRUE(contains(error_of([&] { tokenizer.encode("a"); }).message(), "limit"));
  EXPECT_EQ(tokenizer.encode("b"), std::vector<int32_t>{1});
  expect_fault("/decoder", {{"type", "Sequence"}, {"decoders", doubling}}, "decoder", "longer");
}

TEST(TokenizerJson, TheTextStandsOnceInATemplate) {
  const Json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  expect_fault("/post_processor", {{"type", "TemplateProcessing"}, {"single", Json::array({text, text})}},
               "post_processor", "twice");
}

TEST(TokenizerJson, MergesAsStringsAndAsPairs) {
  Json document = small_json();
  document["model"]["merges"] = Json::array({"#version: 0.2", "b c", "a b", "ab c"});
  EXPECT_EQ(parse_tokenizer(document).encode("abcab"), parse_tokenizer(small_json()).encode("abcab"));
}

}  // namespace
}  // namespace hone::text
