// Which texts a schema lets through: for each keyword, instances that must pass and some that must not. What
// Python's jsonschema says of the same cases is compared in tests/parity/test_constraints.py.
#include <gtest/gtest.h>
#include <time.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "generate/constraints/json.h"
#include "generate/constraints/matcher.h"

namespace hone::generate {
namespace {

std::shared_ptr<const JsonGrammar> compile(const std::string& schema, bool strict = false) {
  return compile_json_schema(Json::parse(schema), strict, "answer");
}

void expect(const std::string& schema, const std::vector<std::string>& in, const std::vector<std::string>& out) {
  Matcher matcher(compile(schema));
  for (const std::string& text : in) EXPECT_TRUE(matcher.matches(text)) << schema << " refuses " << text;
  for (const std::string& text : out) EXPECT_FALSE(matcher.matches(text)) << schema << " takes " << text;
}

std::string refusal(const std::string& schema, bool strict = false) {
  try {
    compile(schema, strict);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(JsonSchema, AnyObject) {
  Matcher matcher(compile_json_object());
  for (const char* text :
       {"{}", " {}", "{ }", "{\n}", R"({"a": [1, -2.5e+3, "x\n\u00e9\ud83d\ude00", {"b":null}], "c":true,"d":false})",
        "{\"한\\\"국\": \"어\"}", "{\n  \"a\": [\n    {}\n  ]\n}", "{\"\": 0}"}) {
    EXPECT_TRUE(matcher.matches(text)) << text;
  }
  for (const char* text : {"",
                           "[]",
                           "1",
                           "{",
                           "{}}",
                           "{} ",
                           "  {}",
                           "{,}",
                           R"({"a"})",
                           R"({"a":})",
                           R"({"a":1,})",
                           R"({"a":01})",
                           R"({"a":1.})",
                           R"({"a":.5})",
                           R"({"a":+1})",
                           R"({"a":"\x"})",
                           R"({"a":"\ud83d"})",
                           R"({"a":"\ude00"})",
                           "{\"a\":\"\x01\"}",
                           "{\"a\":\"\xC0\x80\"}",
                           "{\"a\":\"\xED\xA0\x80\"}",
                           "{\"a\":\"\xF4\x90\x80\x80\"}",
                           "{\"a\":\"\x80\"}",
                           "{'a':1}",
                           R"({"a":NaN})",
                           R"({"a" :1})",
                           "{\"a\":  1}"}) {
    EXPECT_FALSE(matcher.matches(text)) << text;
  }
}

TEST(JsonSchema, NestingIsBounded) {
  Matcher matcher(compile_json_object());
  const auto nested = [](int depth) {
    std::string text = "1";
    for (int i = 0; i < depth; ++i) text = "{\"a\":" + text + "}";
    return text;
  };
  EXPECT_TRUE(matcher.matches(nested(JsonGrammar::kDeepest)));
  EXPECT_FALSE(matcher.matches(nested(JsonGrammar::kDeepest + 2)));
}

TEST(JsonSchema, Types) {
  expect(R"({"type": "null"})", {"null"}, {"0", "\"null\""});
  expect(R"({"type": "boolean"})", {"true", "false"}, {"1", "True"});
  expect(R"({"type": ["string", "null"]})", {"\"\"", "null"}, {"0"});
  expect(R"({"type": "integer"})", {"0", "-7", "123456789012345678"}, {"1.5", "1e3", "01", "-", "1234567890123456789"});
  expect(R"({"type": "number"})", {"0", "-0.5", "1e-3", "1.25E+10"}, {"1.", ".5", "1e", "1e+", "1e1000"});
  expect("true", {"1", "\"\"", "{}", "[[]]", "null"}, {"", "nul"});
  expect("{}", {"1", "{\"a\":[]}"}, {"x"});
}

TEST(JsonSchema, ObjectsInTheOrderOfTheirProperties) {
  const std::string schema = R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"},
    "c": {"type": "null"}}, "required": ["b"], "additionalProperties": false})";
  expect(schema, {R"({"a":1,"b":"x","c":null})", R"({"b": "x"})", R"({"b":"","c":null})", R"({"a":1, "b":"x"})"},
         {R"({"a":1})", R"({})", R"({"b":"x","a":1})", R"({"b":"x","b":"y"})", R"({"b":"x","d":1})", R"({"b":1})"});
  expect(R"({"properties": {"a": {"type": "integer"}}})", {"{}", R"({"a":1})"}, {R"({"b":1})", "1"});
}

TEST(JsonSchema, OtherProperties) {
  expect(
      R"({"type": "object", "properties": {"ab": {"type": "integer"}, "abc": {}}, "additionalProperties": {"type": "boolean"}})",
      {"{}", R"({"ab":1})", R"({"a":true})", R"({"ab":1,"abcd":true,"x":false})", R"({"":true})", R"({"한":true})"},
      {R"({"ab":true})", R"({"a":true,"ab":true})", R"({"a":1})", R"({"a\"":true})", R"({"\u0061b":true})"});
  expect(R"({"type": "object", "additionalProperties": {"type": "integer"}})", {"{}", R"({"a":1,"\"":2})"},
         {R"({"a":""})"});
  expect(R"({"type": "object", "required": ["x"]})", {R"({"x":[1]})", R"({"x":1,"y":2})"}, {"{}", R"({"y":1})"});
  expect(R"({"type": "object", "properties": {"a": false}, "additionalProperties": false})", {"{}"}, {R"({"a":1})"});
}

TEST(JsonSchema, Arrays) {
  expect(R"({"type": "array"})", {"[]", "[1, \"a\",[null]]", "[\n  1,\n  2\n]"}, {"[,]", "[1,]", "[1 2]", "{}"});
  expect(R"({"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3})", {"[1,2]", "[1,2,3]"},
         {"[]", "[1]", "[1,2,3,4]", "[1,null]"});
  expect(R"({"type": "array", "items": {"type": "integer"}, "minItems": 2})", {"[1,2]", "[1,2,3,4,5,6]"},
         {"[]", "[1]"});
  expect(R"({"type": "array", "items": {"type": "integer"}, "maxItems": 0})", {"[]", "[ ]"}, {"[1]"});
  expect(R"({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": false})",
         {"[]", "[1]", "[1,\"\"]"}, {"[\"\"]", "[1,\"\",1]"});
  expect(R"({"type": "array", "prefixItems": [{"type": "integer"}], "items": {"type": "null"}, "minItems": 1})",
         {"[1]", "[1,null,null]"}, {"[]", "[null]", "[1,1]"});
}

TEST(JsonSchema, EnumAndConst) {
  expect(R"({"enum": ["a", "ab", 1, 12, null, {"x": [1, 2]}]})",
         {"\"a\"", "\"ab\"", "1", "12", "null", R"({"x":[1,2]})"}, {"\"b\"", "2", "121", "\"abc\""});
  expect(R"({"type": "string", "enum": ["a", 1]})", {"\"a\""}, {"1"});
  expect(R"({"const": "한\"국"})", {"\"한\\\"국\""}, {"\"한\""});
  expect(R"({"type": "array", "items": {"enum": [1, 12, 123]}})", {"[1,12,123,1]"}, {"[1232]", "[2]"});
}

TEST(JsonSchema, Alternatives) {
  expect(
      R"({"anyOf": [{"type": "object", "properties": {"k": {"const": "a"}, "x": {"type": "integer"}}, "required": ["k", "x"]},
                       {"type": "object", "properties": {"k": {"const": "ab"}, "y": {"type": "string"}}, "required": ["k", "y"]}]})",
      {R"({"k":"a","x":1})", R"({"k": "ab","y":""})"}, {R"({"k":"a","y":""})", R"({"k":"ab","x":1})"});
  expect(R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
             "anyOf": [{"required": ["a"]}, {"required": ["b"]}]})",
         {R"({"a":1})", R"({"b":1})", R"({"a":1,"b":2})"}, {"{}"});
  EXPECT_EQ(compile(R"({"oneOf": [{"type": "null"}, {"type": "string"}]})")->notes.size(), 1U);
}

TEST(JsonSchema, AllOfIsMerged) {
  expect(R"({"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
                       {"type": "object", "properties": {"b": {"minimum": 3}, "a": {"maximum": 5}}, "required": ["b"]}]})",
         {R"({"a":5,"b":3})"}, {R"({"a":6,"b":3})", R"({"a":1,"b":2})", R"({"a":1})", R"({"b":3})"});
  expect(R"({"allOf": [{"properties": {"a": {}}, "additionalProperties": false}, {"properties": {"b": {}}}]})",
         {"{}", R"({"a":1})"}, {R"({"b":1})"});
  expect(R"({"allOf": [{"type": ["integer", "string"]}, {"type": ["number", "null"]}]})", {"1"},
         {"null", "\"\"", "1.5"});
  expect(R"({"allOf": [{"enum": [1, 2, 3]}, {"enum": [2, 3, 4]}]})", {"2", "3"}, {"1", "4"});
  expect(R"({"$defs": {"s": {"type": "string"}}, "$ref": "#/$defs/s", "maxLength": 1})", {"\"\"", "\"a\""},
         {"\"aa\"", "1"});
}

TEST(JsonSchema, References) {
  const std::string tree = R"({"$defs": {"node": {"type": "object", "properties": {"v": {"type": "integer"},
      "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}, "required": ["v", "next"]}}, "$ref": "#/$defs/node"})";
  expect(tree, {R"({"v":1,"next":null})", R"({"v":1,"next":{"v":2,"next":{"v":3,"next":null}}})"},
         {R"({"v":1})", R"({"v":1,"next":{"v":2}})"});
  expect(R"({"type": "array", "items": {"$ref": "#"}})", {"[]", "[[],[[]]]"}, {"[1]"});
  expect(R"({"$defs": {"a/b~c": {"type": "null"}}, "$ref": "#/$defs/a~1b~0c"})", {"null"}, {"1"});
  expect(R"({"properties": {"a": {"type": "integer"}, "b": {"$ref": "#/properties/a"}}})", {R"({"a":1,"b":2})"},
         {R"({"b":""})"});
}

TEST(JsonSchema, StringLength) {
  expect(R"({"type": "string", "minLength": 2, "maxLength": 3})",
         {"\"ab\"", "\"한국어\"", R"("\n\u0041\ud83d\ude00")", "\"😀😀\""},
         {"\"\"", "\"a\"", "\"abcd\"", "\"한국어로\"", R"("\n")"});
  expect(R"({"type": "string", "maxLength": 0})", {"\"\""}, {"\"a\""});
  expect(R"({"type": "string", "minLength": 1})", {"\"a\"", "\"aaaaaaaaaaaa\""}, {"\"\""});
}

TEST(JsonSchema, Patterns) {
  const auto pattern = [](const std::string& p) { return Json{{"type", "string"}, {"pattern", p}}.dump(); };
  expect(pattern("^[a-z]{2,3}$"), {"\"ab\"", "\"abc\""}, {"\"a\"", "\"abcd\"", "\"ABC\""});
  expect(pattern("b"), {"\"b\"", "\"abc\"", "\"한b\""}, {"\"\"", "\"ac\""});
  expect(pattern("^a|b$"), {"\"ax\"", "\"xb\"", "\"a\""}, {"\"xa\"", "\"bx\""});
  expect(pattern("^(ab|cd)*$"), {"\"\"", "\"abcdab\""}, {"\"a\"", "\"abc\""});
  expect(pattern("^\\d+-\\w*\\.$"), {"\"1-.\"", "\"12-a_.\""}, {"\"-.\"", "\"1-\""});
  expect(pattern("^[^가-힣]+$"), {"\"abc\""}, {"\"가\"", "\"a각b\"", "\"\""});
  expect(pattern("^[가-힣]{2}$"), {"\"한국\""}, {"\"한\"", "\"ab\""});
  expect(pattern("^.\\\\\"\\n$"), {R"("a\\\"\n")"}, {R"("a\\\"")"});
  expect(pattern("^(?:x+?y)?[\\]\\-a]$"), {"\"xxy]\"", "\"-\"", "\"a\""}, {"\"y-\""});
  expect(pattern("^\\u0041\\x42$"), {"\"AB\""}, {"\"A\""});
  expect(R"({"type": "string", "pattern": "^a*$", "minLength": 2, "maxLength": 3})", {"\"aa\"", "\"aaa\""},
         {"\"a\"", "\"aaaa\""});
  expect(R"({"type": "string", "pattern": "^(ab)*$", "minLength": 3, "maxLength": 5})", {"\"abab\""},
         {"\"ab\"", "\"ababab\""});
}

TEST(JsonSchema, Formats) {
  const auto format = [](const std::string& f) { return Json{{"type", "string"}, {"format", f}}.dump(); };
  expect(format("date"), {"\"2024-02-29\"", "\"2000-02-29\"", "\"1999-12-31\""},
         {"\"2023-02-29\"", "\"1900-02-29\"", "\"0000-01-01\"", "\"2024-04-31\"", "\"2024-13-01\"", "\"2024-1-1\""});
  expect(format("time"), {"\"23:59:59Z\"", "\"00:00:00.123+09:00\""},
         {"\"24:00:00Z\"", "\"12:00:00\"", "\"12:60:00Z\""});
  expect(format("date-time"), {"\"2024-02-29T12:00:00Z\"", "\"2024-01-01T00:00:00.5-01:30\""},
         {"\"2024-01-01\"", "\"2023-02-29T00:00:00Z\""});
  expect(format("email"), {"\"a@b.co\"", "\"x.y+z@sub.example.org\""},
         {"\"a\"", "\"a@\"", "\"@b.co\"", "\"a..b@c.de\""});
  expect(format("uuid"), {"\"01234567-89ab-cdef-0123-456789ABCDEF\""}, {"\"0123456789abcdef0123456789abcdef\""});
  expect(format("ipv4"), {"\"0.0.0.0\"", "\"255.1.20.199\""}, {"\"256.0.0.1\"", "\"1.2.3\"", "\"01.2.3.4\""});
}

TEST(JsonSchema, Bounds) {
  expect(R"({"type": "integer", "minimum": 0, "maximum": 120})", {"0", "9", "99", "120"},
         {"-1", "121", "200", "-0", "00"});
  expect(R"({"type": "integer", "minimum": -12, "exclusiveMaximum": 5})", {"-12", "-9", "-1", "0", "4"},
         {"-13", "5", "-20"});
  expect(R"({"type": "integer", "exclusiveMinimum": 99})", {"100", "999"}, {"99", "0", "-5"});
  expect(R"({"type": "integer", "maximum": -100})", {"-100", "-1000"}, {"-99", "0", "5"});
  expect(R"({"type": "integer", "minimum": 1.5, "maximum": 3.5})", {"2", "3"}, {"1", "4"});
  expect(R"({"type": "number", "minimum": 0, "maximum": 1})", {"0", "0.5", "1", "1.0", "1.00", "0.999"},
         {"1.01", "-0.1", "2", "1e0"});
  expect(R"({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1})", {"0.001", "0.5"},
         {"0", "0.0", "1", "1.0"});
  expect(R"({"type": "number", "minimum": -2.25, "maximum": -0.5})", {"-2.25", "-1", "-0.5", "-0.50", "-2.2"},
         {"-2.26", "-0.49", "0", "-2.251"});
  expect(R"({"type": "number", "minimum": 9.75})", {"9.75", "9.8", "10", "123.4"}, {"9.74", "9.7", "9"});
  expect(R"({"type": "integer", "minimum": 9007199254740990, "maximum": 9007199254740993})", {"9007199254740993"},
         {"9007199254740994"});
}

TEST(JsonSchema, RefusesWhatItDoesNotKnowByPointer) {
  EXPECT_EQ(
      refusal(R"({"type": "object", "properties": {"a/b": {"type": "string", "contentEncoding": "base64"}}})"),
      "response_format 'answer': #/properties/a~1b/contentEncoding: the keyword \"contentEncoding\" is not supported\n"
      "  fix: leave it out and check for it in the answer");
  for (const auto& [schema, place] : std::vector<std::pair<std::string, std::string>>{
           {R"({"not": {}})", "#/not"},
           {R"({"type": "integer", "multipleOf": 2})", "#/multipleOf"},
           {R"({"items": {"uniqueItems": true}})", "#/items/uniqueItems"},
           {R"({"patternProperties": {}})", "#/patternProperties"},
           {R"({"type": "string", "format": "iri"})", "#/format"},
           {R"x({"type": "string", "pattern": "(?=a)"})x", "#/pattern"},
           {R"({"type": "string", "pattern": "(a)\\1"})", "#/pattern"},
           {R"({"type": "string", "pattern": "a{1001}"})", "#/pattern"},
           {R"({"type": "string", "pattern": "[a"})", "#/pattern"},
           {R"({"type": "string", "pattern": "(a$)b"})", "#/pattern"},
           {R"({"type": "text"})", "#/type"},
           {R"({"type": {}})", "#/type"},
           {R"({"enum": []})", "#/enum"},
           {R"({"anyOf": {}})", "#/anyOf"},
           {R"({"$ref": "#/$defs/x"})", "#"},
           {R"({"$ref": "https://example.org/a.json"})", "#"},
           {R"({"items": 3})", "#/items"},
           {R"({"minLength": -1})", "#/minLength"},
           {R"({"maximum": "3"})", "#/maximum"},
           {R"({"required": ["a"], "additionalProperties": false})", "#/required"},
           {R"([])", "#"},
       }) {
    EXPECT_TRUE(refusal(schema).starts_with("response_format 'answer': " + place + ": ")) << refusal(schema);
  }
}

TEST(JsonSchema, RefusesWhatNothingSatisfies) {
  for (const char* schema : {"false", R"({"type": "integer", "minimum": 3, "maximum": 2})",
                             R"({"type": "string", "minLength": 3, "maxLength": 2})",
                             R"({"type": "string", "pattern": "^a$", "minLength": 2})",
                             R"({"allOf": [{"type": "string"}, {"type": "null"}]})",
                             R"({"type": "object", "properties": {"a": false}, "required": ["a"]})",
                             R"({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]})",
                             R"({"type": "array", "items": {"$ref": "#"}, "minItems": 1})"}) {
    EXPECT_NE(refusal(schema).find("no finite value satisfies the schema"), std::string::npos)
        << schema << refusal(schema);
  }
  for (const char* schema :
       {R"({"$ref": "#"})", R"({"anyOf": [{"$ref": "#"}, {"type": "null"}]})",
        R"({"allOf": [{"$ref": "#"}, {"type": "object"}]})", R"({"$ref": "#", "type": "object"})"}) {
    EXPECT_NE(refusal(schema), "") << schema;
  }
}

TEST(JsonSchema, StrictModeSpeaksAsOpenAIDoes) {
  const auto message = [](const std::string& schema) {
    try {
      compile(schema, true);
    } catch (const Error& error) {
      return error.message();
    }
    return std::string();
  };
  EXPECT_EQ(message(R"({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]})"),
            "Invalid schema for response_format 'answer': In context=(), 'additionalProperties' is required to be "
            "supplied and "
            "to be false.");
  EXPECT_EQ(
      message(R"({"type": "object", "additionalProperties": false, "required": [],
                        "properties": {"a": {"type": "string"}}})"),
      "Invalid schema for response_format 'answer': In context=(), 'required' is required to be supplied and to be an "
      "array including every key in properties. Missing 'a'.");
  EXPECT_EQ(
      message(R"({"type": "object", "additionalProperties": false, "required": ["a"],
                        "properties": {"a": {"type": "array", "items": {"type": "object", "properties": {}}}}})"),
      "Invalid schema for response_format 'answer': In context=('properties', 'a', 'items'), 'additionalProperties' is "
      "required to be supplied and to be false.");
  EXPECT_EQ(message(R"({"type": "object", "additionalProperties": false, "required": ["a"],
                        "properties": {"a": {"oneOf": [{"type": "string"}]}}})"),
            "Invalid schema for response_format 'answer': In context=('properties', 'a'), 'oneOf' is not permitted.");
  EXPECT_EQ(
      message(R"({"type": "array"})"),
      "Invalid schema for response_format 'answer': schema must be a JSON Schema of 'type: \"object\"', got 'type: "
      "\"array\"'.");
  EXPECT_EQ(message(R"({"type": "object", "additionalProperties": false, "required": ["a"],
                        "properties": {"a": {"type": ["string", "null"], "description": "d"}}})"),
            "");
}

// Each would be gigabytes or minutes without limits.
// Time that other programs take from this one does not count.
double processor_ms() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}
#ifdef __SANITIZE_ADDRESS__
constexpr double kLimitMs = 10000;
#else
constexpr double kLimitMs = 1000;
#endif

TEST(JsonSchema, HostileSchemasEndQuickly) {
  std::vector<std::string> schemas;
  for (const char* pattern :
       {"^(((((a{1000}){1000}){1000}){1000}){1000})$", "(a|b)*a(a|b){900}", "(.*a){60}b", "^(a*)*(b*)*(c|a)*$",
        "([a-z]|[b-y]|[c-x]|[d-w]){1000}$", "a{0,1000}b{0,1000}c{0,1000}d{0,1000}"}) {
    schemas.push_back(Json{{"type", "string"}, {"pattern", pattern}}.dump());
  }
  schemas.push_back(R"({"type": "string", "pattern": "[a-z가-힣]+", "maxLength": 900000})");
  schemas.push_back(R"({"type": "array", "items": {"type": "integer"}, "maxItems": 99999999})");
  schemas.push_back(
      R"({"type": "array", "items": {"type": "array", "items": {}, "maxItems": 5000}, "minItems": 5000})");
  std::string deep = "{}";
  for (int i = 0; i < 10000; ++i) deep = R"({"items":)" + deep + "}";
  schemas.push_back(deep);
  Json doubling{{"$defs", Json::object()}, {"$ref", "#/$defs/0"}}, both = doubling, wide{{"enum", Json::array()}};
  for (int i = 0; i < 60; ++i) {
    const Json next{{"$ref", "#/$defs/" + std::to_string(i + 1)}};
    doubling["$defs"][std::to_string(i)] = {{"anyOf", {next, next}}};
    both["$defs"][std::to_string(i)] = {{"allOf", {next, next}}};
  }
  doubling["$defs"]["60"] = both["$defs"]["60"] = {{"type", "null"}};
  for (int i = 0; i < 45000; ++i) wide["enum"].push_back(std::to_string(i * 7919) + "-value");
  Json optional{{"properties", Json::object()}};
  for (int i = 0; i < 4000; ++i)
    optional["properties"]["p" + std::to_string(i)] = {{"type", "integer"}, {"minimum", i}};
  Json nested{{"type", "object"},
              {"properties", {{"a", {{"$ref", "#"}}}}},
              {"allOf", {{{"properties", {{"a", {{"$ref", "#"}}}}}}}}};
  for (const Json& schema : {doubling, both, wide, optional, nested}) schemas.push_back(schema.dump());
  for (const std::string& schema : schemas) {
    const Json parsed = Json::parse(schema);
    const double begin = processor_ms();
    std::string error;
    try {
      compile_json_schema(parsed, false, "hostile");
    } catch (const Error& refused) {
      error = refused.what();
    }
    const double ms = processor_ms() - begin;
    EXPECT_LT(ms, kLimitMs) << schema.substr(0, 80) << error;  // 100 in a release build
    RecordProperty("ms", std::to_string(ms));
    if (std::getenv("HONE_PRINT_TIMES"))
      std::printf("%7.1f ms  %s  %.100s\n", ms, schema.substr(0, 70).c_str(), error.c_str());
  }
}

}  // namespace
}  // namespace hone::generate
