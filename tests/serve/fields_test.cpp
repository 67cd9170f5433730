#include "serve/fields.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "serve/api_error.h"

namespace hone::serve {
namespace {

template <typename Read>
std::string refusal(const Read& read) {
  try {
    read();
  } catch (const ApiError& error) {
    return error.what();
  }
  return "was not refused";
}

TEST(Fields, WordsAreOpenAIs) {
  const Json body = {{"model", 5}, {"n", 0}, {"temperature", 2.5}, {"suffix", ""}, {"stop", Json::array()},
                     {"top", 1.5}};
  const Fields fields(body);
  EXPECT_EQ(refusal([&] { fields.text("model"); }),
            "Invalid type for 'model': expected a string, but got an integer instead.");
  EXPECT_EQ(refusal([&] { fields.text("messages"); }), "Missing required parameter: 'messages'.");
  EXPECT_EQ(refusal([&] { fields.integer("n", 1, 128); }),
            "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0 instead.");
  EXPECT_EQ(refusal([&] { fields.number("temperature", 0, 2); }),
            "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 2.5 instead.");
  EXPECT_EQ(
      refusal([&] { fields.optional_text("suffix", 1, 64); }),
      "Invalid 'suffix': string too short. Expected a string with minimum length 1, but got an empty string instead.");
  EXPECT_EQ(refusal([&] { fields.integer("top", 0, 5); }),
            "Invalid type for 'top': expected an integer, but got a decimal instead.");
  EXPECT_EQ(refusal([&] { fields.object("stop"); }),
            "Invalid type for 'stop': expected an object, but got an array instead.");
  EXPECT_EQ(refusal([&] { fields.only({"model"}); }), "Unrecognized request argument supplied: n");
}

TEST(Fields, NumbersThatOverflowAreOutOfRangeNotWrapped) {
  const Json body = parse_body(R"({"seed": 18446744073709551615, "big": 1e300, "whole": 3.0, "none": null})");
  const Fields fields(body);
  EXPECT_THROW(fields.integer("seed", 0, 2147483647), ApiError);
  EXPECT_THROW(fields.integer("big", 0, 2147483647), ApiError);
  EXPECT_EQ(fields.integer("whole", 0, 5), 3);
  EXPECT_EQ(fields.integer("none", 0, 5), std::nullopt);
}

TEST(Fields, HostileBodiesAreRefused) {
  EXPECT_THROW(parse_body(std::string(100000, '[')), ApiError);
  EXPECT_THROW(parse_body("{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}"), ApiError);
  for (const char* body : {"", "null", "[]", "{", "{\"a\": \"\xff\"}", "{} x", "{\"a\": NaN}"}) {
    EXPECT_THROW(parse_body(body), ApiError) << body;
  }
  EXPECT_EQ(parse_body("{\"a\": 1}").size(), 1U);
}

TEST(Fields, BodiesThatCostMuchToReadAreRefusedWhileTheyAreRead) {
  const auto members = [](int count) {
    std::string text = "{";
    for (int i = 0; i < count; ++i) text += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":[{},0]";
    return text + "}";
  };
  EXPECT_EQ(parse_body(members(2048)).size(), 2048U);
  EXPECT_THROW(parse_body(members(2049)), ApiError);
  EXPECT_THROW(parse_body("{\"a\":" + members(2049) + "}"), ApiError);
  const auto list = [](int count, const std::string& of) {
    std::string text = "{\"a\":[" + of;
    for (int i = 1; i < count; ++i) text += "," + of;
    return text + "]}";
  };
  EXPECT_EQ(parse_body(list(999'998, "1"))["a"].size(), 999'998U);  // the list and the body are values, too
  EXPECT_EQ(parse_body(list(999'998, "{}"))["a"].size(), 999'998U);
  for (const char* of : {"1", "[]", "{}"}) EXPECT_THROW(parse_body(list(1'000'001, of)), ApiError) << of;
}

}  // namespace
}  // namespace hone::serve
