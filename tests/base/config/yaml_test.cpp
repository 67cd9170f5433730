#include "base/config/yaml.h"

#include <gtest/gtest.h>

#include "error_of.h"

namespace hone {
namespace {

TEST(Yaml, KeepsOrderPlacesAndQuotes) {
  const YamlNode root = parse_yaml("a: 1\n한글: {b: 'x', c: [y, ~]}\n", "f");
  ASSERT_EQ(root.kind, YamlNode::Kind::kMap);
  ASSERT_EQ(root.entries.size(), 2u);
  EXPECT_EQ(root.entries[0].key.text, "a");
  const YamlNode& inner = root.entries[1].value;
  EXPECT_EQ(inner.entries[0].key.line, 2);
  EXPECT_EQ(inner.entries[0].key.column, 6);  // two characters, a colon, a blank, a brace: not bytes
  EXPECT_TRUE(inner.entries[0].value.quoted);
  EXPECT_FALSE(inner.entries[1].value.items[0].quoted);
  EXPECT_EQ(inner.entries[1].value.items[1].kind, YamlNode::Kind::kNull);
}

TEST(Yaml, AMissingValueStandsAtItsKey) {
  const YamlNode root = parse_yaml("a:\n\n\nb: 1\n", "f");
  EXPECT_EQ(root.entries[0].value.kind, YamlNode::Kind::kNull);
  EXPECT_EQ(root.entries[0].value.line, 1);
}

TEST(Yaml, RepeatedKeysAreBothKept) {
  EXPECT_EQ(parse_yaml("a: 1\na: 2\n", "f").entries.size(), 2u);
}

TEST(Yaml, AnchorsAreCopied) {
  const YamlNode root = parse_yaml("a: &x [1, 2]\nb: *x\n", "f");
  EXPECT_EQ(root.entries[1].value.items.size(), 2u);
  EXPECT_EQ(root.entries[1].value.line, 2);
}

TEST(Yaml, AnEmptyDocumentIsNull) {
  EXPECT_EQ(parse_yaml("", "f").kind, YamlNode::Kind::kNull);
  EXPECT_EQ(parse_yaml("# only a comment\n", "f").kind, YamlNode::Kind::kNull);
}

std::string complaint(const std::string& text) {
  return error_of([&] { parse_yaml(text, "f.yaml"); }).what();
}

TEST(Yaml, FaultsSayWhereAndHowToMend) {
  EXPECT_TRUE(contains(complaint("a: 1\nb: [1,\nc: 2"), "f.yaml:"));
  const std::string tab = complaint("a:\n\tb: 1\n");
  EXPECT_TRUE(contains(tab, "f.yaml:2:")) << tab;
  EXPECT_TRUE(contains(tab, "tab")) << tab;
  EXPECT_TRUE(contains(complaint("a: !!python/object:os.system 1\n"), "f.yaml:1:"));
  EXPECT_TRUE(contains(complaint("a: !own 1\n"), "tag \"!own\""));
  EXPECT_TRUE(contains(complaint("a: 1\n---\nb: 2\n"), "more than one"));
  EXPECT_TRUE(contains(complaint("? [a, b]\n: 1\n"), "a key must be"));
  EXPECT_TRUE(contains(complaint("a: *x\n"), "f.yaml:1:"));
  EXPECT_TRUE(contains(complaint(std::string("a: 1\0", 5)), "byte 4 is zero"));
}

TEST(Yaml, OtherEncodingsAreNamed) {
  // "가" in CP949, a lone surrogate, an overlong slash, a character cut short.
  for (const char* broken : {"\xb0\xa1", "\xed\xa0\x80", "\xc0\xaf", "\xea\xb0"}) {
    const std::string text = complaint("a: 1\nb: " + std::string(broken));
    EXPECT_TRUE(contains(text, "f.yaml:2: byte 8 is not UTF-8")) << text;
  }
  EXPECT_NO_THROW(parse_yaml("a: \"\xf0\x9f\x99\x82 \xed\x9f\xbf \xf4\x8f\xbf\xbf\"", "f"));
}

TEST(Yaml, AliasesCannotGrowWithoutEnd) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 8; ++j) bomb += ", " + before;
    bomb += "]\n";
  }
  EXPECT_TRUE(contains(complaint(bomb), "too many values"));
}

TEST(Yaml, NestingIsBounded) {
  EXPECT_NO_THROW(parse_yaml("a: " + std::string(20, '[') + std::string(20, ']'), "f"));
  EXPECT_THROW(parse_yaml("a: " + std::string(100, '['), "f"), Error);
  EXPECT_THROW(parse_yaml(std::string(100'000, '['), "f"), Error);
}

}  // namespace
}  // namespace hone
