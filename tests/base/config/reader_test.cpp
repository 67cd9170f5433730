#include "base/config/reader.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/config/writer.h"
#include "error_of.h"

namespace hone {
namespace {

struct Sample {
  std::string name;
  bool flag = false;
  int64_t count = 1;
  double rate = 0.5;
  std::string mode = "none";
  std::optional<bool> maybe;
  std::optional<int64_t> limit;
  std::optional<double> ratio;
  std::vector<std::string> files;
  std::vector<int64_t> layers;
  TextOrList modules = std::string("all");
  NumberOrText split;
  std::map<std::string, int64_t> ranks;
  std::map<std::string, double> alphas;
};

Fields describe(Sample& s) {
  Fields fields;
  fields.add("name", s.name, {.help = "what it is called", .required = true});
  Fields inner = fields.section("inner", "Inside");
  inner.add("flag", s.flag, {.help = "a switch"});
  inner.add("count", s.count, {.help = "how many", .min = 1, .max = 100});
  inner.add("rate", s.rate, {.help = "how fast", .above = 0, .below = 1});
  inner.add("mode", s.mode, {.help = "which way", .choices = {"none", "steps", "no"}});
  inner.add("maybe", s.maybe, {.help = "perhaps"});
  inner.add("limit", s.limit, {.help = "at most", .min = 1});
  inner.add("ratio", s.ratio, {.help = "a share", .min = 0, .max = 1});
  inner.add("files", s.files, {.help = "files"});
  inner.add("layers", s.layers, {.help = "layers", .min = 0});
  inner.add("modules", s.modules, {.help = "modules"});
  inner.add("split", s.split, {.help = "a file or a fraction", .above = 0, .below = 1});
  inner.add("ranks", s.ranks, {.help = "ranks | by name", .min = 1});
  inner.add("alphas", s.alphas, {.help = "alphas"});
  return fields;
}

Sample read(const std::string& text, const std::vector<std::string>& overrides = {}) {
  Sample sample;
  ConfigReader reader(text, "c.yaml", overrides, {{"speed", "inner.rate"}});
  reader.read(describe(sample));
  reader.finish();
  return sample;
}

std::string complaint(const std::string& text, const std::vector<std::string>& overrides = {}) {
  const Error error = error_of([&] { read(text, overrides); });
  EXPECT_EQ(error.kind(), ErrorKind::kInput);
  return error.what();
}

constexpr const char* kFull = R"(
name: 시험
inner:
  flag: yes
  count: 1e1
  rate: 2e-4
  mode: Steps
  maybe: off
  limit: 5
  ratio: .25
  files: one.jsonl
  layers: [0, 3]
  modules: [q, v]
  split: 0.1
  ranks: {q: 8}
  alphas: {v: 1.5}
)";

TEST(Config, ReadsEveryKindOfValue) {
  const Sample s = read(kFull);
  EXPECT_EQ(s.name, "시험");
  EXPECT_TRUE(s.flag);
  EXPECT_EQ(s.count, 10);
  EXPECT_EQ(s.rate, 2e-4);
  EXPECT_EQ(s.mode, "steps");
  EXPECT_EQ(s.maybe, false);
  EXPECT_EQ(s.limit, 5);
  EXPECT_EQ(s.ratio, 0.25);
  EXPECT_EQ(s.files, std::vector<std::string>{"one.jsonl"});
  EXPECT_EQ(s.layers, (std::vector<int64_t>{0, 3}));
  EXPECT_EQ(std::get<std::vector<std::string>>(s.modules), (std::vector<std::string>{"q", "v"}));
  EXPECT_EQ(std::get<double>(s.split), 0.1);
  EXPECT_EQ(s.ranks.at("q"), 8);
  EXPECT_EQ(s.alphas.at("v"), 1.5);
}

TEST(Config, WhatIsNotMentionedKeepsItsDefault) {
  const Sample s = read("name: x\ninner:\n");
  EXPECT_EQ(s.count, 1);
  EXPECT_EQ(std::get<std::string>(s.modules), "all");
  EXPECT_TRUE(std::holds_alternative<std::monostate>(s.split));
}

TEST(Config, NullEmptiesAnOptional) {
  EXPECT_FALSE(read("name: x\ninner: {limit: null, maybe: none}", {}).limit);
  EXPECT_EQ(std::get<std::string>(read("name: x\ninner: {split: val.jsonl}").split), "val.jsonl");
  EXPECT_EQ(std::get<std::string>(read("name: x\ninner: {split: '0.5'}").split), "0.5");  // quoted: a file
}

TEST(Config, NoIsAChoiceWhereItIsOne) {
  EXPECT_EQ(read("name: x\ninner: {mode: no}").mode, "no");
  EXPECT_EQ(read("name: x\ninner: {mode: false}").mode, "no");
  EXPECT_EQ(read("name: x\ninner: {mode: null}").mode, "none");
}

TEST(Config, OverridesWinInOrderAndReplaceLists) {
  const Sample s = read(kFull, {"inner.count=2", "inner.count=3", "inner.files=[a, b]", "name=y z", "inner.limit="});
  EXPECT_EQ(s.count, 3);
  EXPECT_EQ(s.files, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(s.name, "y z");
  EXPECT_FALSE(s.limit);
  EXPECT_EQ(s.rate, 2e-4);
}

TEST(Config, AllFaultsComeTogetherInTheOrderOfTheFile) {
  const std::string text = complaint("inner:\n  count: abc\n  rate: 7\n  cuont: 1\nnmae: x\n", {"inner.flag=perhaps"});
  const char* expected[] = {
      "c.yaml: 6 settings are wrong",
      "c.yaml:1:1: name: is missing",
      "c.yaml:2:10: inner.count: expected a whole number, found \"abc\"",
      "c.yaml:3:9: inner.rate: 7 is too large: must be below 1",
      "c.yaml:4:3: inner.cuont: is not a setting; did you mean \"count\"?",
      "c.yaml:5:1: nmae: is not a setting; did you mean \"name\"?",
      "command line: \"inner.flag=perhaps\": inner.flag: expected true or false, found \"perhaps\"",
  };
  size_t at = 0;
  for (const char* part : expected) {
    at = text.find(part, at);
    ASSERT_NE(at, std::string::npos) << part << "\nnot there, or not in this order, in\n" << text;
  }
}

TEST(Config, ASingleFaultIsThePlaceOfTheError) {
  const Error error = error_of([] { read("name: x\ninner: {count: 0}"); });
  EXPECT_EQ(error.place(), "c.yaml:2:16: inner.count");
  EXPECT_EQ(error.message(), "0 is too small: must be at least 1");
}

TEST(Config, SuggestsAcrossSectionsAndFromOtherTools) {
  EXPECT_TRUE(contains(complaint("name: x\ncount: 3\n"), "it belongs under \"inner:\""));
  EXPECT_TRUE(contains(complaint("name: x\ninner: {name: y}\n"), "it belongs at the top level"));
  EXPECT_TRUE(contains(complaint("name: x\nspeed: 3\n"), "did you mean \"inner.rate\"?"));
  EXPECT_TRUE(contains(complaint("name: x\ninner: {speed: 3}\n"), "did you mean \"rate\"?"));
  EXPECT_TRUE(contains(complaint("name: x\nmodulse: q\n"), "did you mean \"inner.modules\"?"));
  EXPECT_TRUE(contains(complaint("name: x\nzzzzzzzz: q\n"), "known here: inner, name"));
  EXPECT_TRUE(contains(complaint("name: x\ninner: {Count: 3}\n"), "did you mean \"count\"?"));
}

TEST(Config, FaultsOfShapeAndRepetition) {
  EXPECT_TRUE(contains(complaint("name: x\nname: y\n"), "c.yaml:2:1: name: is given twice"));
  EXPECT_TRUE(contains(complaint("name: x\ninner: 3\n"), "expected settings in the form"));
  EXPECT_TRUE(contains(complaint("- a\n"), "found a list"));
  EXPECT_TRUE(contains(complaint("name: [x]\n"), "expected a text, found a list"));
  EXPECT_TRUE(contains(complaint("name: ''\n"), "name: is empty"));
  EXPECT_TRUE(contains(complaint("name: x\ninner: {files: [a, ~]}\n"), "inner.files[1]: is empty"));
  EXPECT_TRUE(contains(complaint("name: x\ninner: {layers: [0, -1]}\n"), "inner.layers[1]: -1 is too small"));
  EXPECT_TRUE(contains(complaint("name: x\ninner: {ranks: {q: 0}}\n"), "inner.ranks.q: 0 is too small"));
  EXPECT_TRUE(contains(complaint("name: x\ninner: {ranks: {q: 1, q: 2}}\n"), "inner.ranks.q: is given twice"));
  EXPECT_TRUE(contains(complaint("name: x\ninner: {mode: stpes}\n"), "did you mean \"steps\"?"));
  EXPECT_TRUE(contains(complaint("name: x\ninner: {count: 1.5}\n"), "expected a whole number, found \"1.5\""));
  EXPECT_TRUE(contains(complaint("name: x\n<<: {a: 1}\n"), "merge keys are not supported"));
  EXPECT_TRUE(contains(complaint("name: x", {"inner.count"}), "not of the form key=value"));
  EXPECT_TRUE(contains(complaint("name: x", {"inner.count=[1"}), "not valid YAML"));
}

TEST(Config, ChecksAcrossSettingsArePlacedWhereTheyWereGiven) {
  Sample sample;
  ConfigReader reader("name: x\ninner:\n  count: 3\n", "c.yaml", {"inner.rate=0.5"});
  reader.read(describe(sample));
  EXPECT_TRUE(reader.is_set("inner.count"));
  EXPECT_FALSE(reader.is_set("inner.limit"));
  reader.fault("inner.count", "does not go with inner.rate", "change one");
  EXPECT_STREQ(error_of([&] { reader.finish(); }).what(),
               "c.yaml:3:10: inner.count: does not go with inner.rate\n  fix: change one");
  reader.fault("inner.rate", "is odd");
  EXPECT_TRUE(
      contains(error_of([&] { reader.finish(); }).what(), "command line: \"inner.rate=0.5\": inner.rate: is odd"));
}

TEST(Config, TheResolvedFormReadsBackToItself) {
  Sample full = read(kFull), empty = read("name: \"no\"\n");
  full.files = {"a: b", "1e-4", "한글 파일.jsonl", "true", "q\"uote\n"};
  for (Sample* sample : {&full, &empty}) {
    const std::string text = config_yaml(describe(*sample));
    Sample again = read(text);
    EXPECT_EQ(config_yaml(describe(again)), text);
    EXPECT_EQ(config_json(describe(again)), config_json(describe(*sample)));
    EXPECT_EQ(again.files, sample->files);
  }
  EXPECT_EQ(config_json(describe(full))["inner"]["limit"], 5);
  EXPECT_TRUE(config_json(describe(empty))["inner"]["limit"].is_null());
}

TEST(Config, TheTableNamesEverySetting) {
  Sample sample;
  const Fields fields = describe(sample);
  const std::string table = config_markdown(fields);
  for (const Field& field : fields.all()) {
    EXPECT_TRUE(contains(table, "| `" + field.path.substr(field.path.rfind('.') + 1) + "` |")) << field.path;
  }
  EXPECT_TRUE(contains(table, "(required)"));
  EXPECT_TRUE(contains(table, "ranks \\| by name"));
  EXPECT_TRUE(contains(table, "a whole number at least 1 and at most 100"));
}

}  // namespace
}  // namespace hone
