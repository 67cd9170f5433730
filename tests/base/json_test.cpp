#include "base/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "error_of.h"
#include "temporary_folder.h"

namespace hone {
namespace {

TEST(JsonDocument, KeepsTheOrderOfKeys) {
  EXPECT_EQ(to_line(parse_json(R"({"z":1,"a":{"y":2,"b":3}})", "s")), R"({"z":1,"a":{"y":2,"b":3}})");
}

TEST(JsonDocument, AFaultIsPlacedByLineAndColumn) {
  const Error error = error_of([] { parse_json("{\n  \"이름\": 1,\n  oops\n}", "c.json"); });
  EXPECT_EQ(error.kind(), ErrorKind::kInput);
  EXPECT_EQ(error.place(), "c.json:3:3");
  EXPECT_TRUE(contains(error.message(), "oops")) << error.message();
  EXPECT_EQ(error_of([] { parse_json("", "c.json"); }).place(), "c.json:1:1");
  EXPECT_EQ(error_of([] { parse_json("[1, 2", "c.json"); }).place(), "c.json:1:6");
}

TEST(JsonDocument, BrokenUtf8IsRefusedInAndReplacedOut) {
  EXPECT_THROW(parse_json("\"\xff\"", "s"), Error);
  EXPECT_EQ(to_line(Json(std::string("a\xff"))), "\"a\xEF\xBF\xBD\"");
}

TEST(JsonDocument, WrittenFilesReadBackAndStayReadable) {
  const TemporaryFolder folder;
  const Json document = {{"이름", "정밀"}, {"n", 0.1}};
  write_json(folder / "d.json", document);
  EXPECT_EQ(read_json(folder / "d.json"), document);
  EXPECT_EQ(read_file(folder / "d.json"), "{\n  \"이름\": \"정밀\",\n  \"n\": 0.1\n}\n");
}

}  // namespace
}  // namespace hone
