// Masks: what they allow is what the grammar allows, and any way through them ends.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "generate/constraints/matcher.h"
#include "json_walk.h"
#include "text/tokenizer.h"

namespace hone::generate {
namespace {

text::Tokenizer tokenizer(const std::string& name) {
  const std::string path = std::string(HONE_SOURCE_DIR) + "/tests/data/tokenizers/" + name;
  if (!path.ends_with(".gz")) return text::Tokenizer::load(path);
  std::string document;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(("gzip -dc " + path).c_str(), "r"), pclose);
  char buffer[65536];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, pipe.get())) > 0;) document.append(buffer, n);
  return text::Tokenizer::parse(document, path);
}

const std::vector<std::string>& tokenizers() {
  static const std::vector<std::string> names = {"tinystories.tokenizer.json", "phi-3.tokenizer.json.gz",
                                                 "gpt2.tokenizer.json.gz"};
  return names;
}

std::shared_ptr<const TokenTrie> trie_of(const std::string& name) {
  static std::map<std::string, std::shared_ptr<const TokenTrie>> known;
  auto& trie = known[name];
  if (!trie) trie = std::make_shared<TokenTrie>(tokenizer(name));
  return trie;
}

const std::vector<const char*> kSchemas = {
    "true",
    R"({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0, "maximum": 150}},
        "required": ["name"]})",
    R"({"type": "object", "properties": {"a": {"type": "string", "maxLength": 7}, "b": {"type": "number", "exclusiveMinimum": -1.5}},
        "additionalProperties": {"type": "array", "items": {"enum": [1, 12, "x", null]}, "maxItems": 3}})",
    R"({"type": "array", "items": {"anyOf": [{"type": "string", "pattern": "^[가-힣]{1,3}$"}, {"type": "string", "format": "date"}]}})",
    R"({"$defs": {"n": {"type": "object", "properties": {"v": {"type": "integer"}, "l": {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]},
        "r": {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]}}, "required": ["v", "l", "r"]}}, "$ref": "#/$defs/n"})",
    R"({"type": "object", "properties": {"e": {"type": "string", "format": "email"}, "u": {"type": "string", "format": "uuid"}}})",
    R"({"anyOf": [{"type": "array", "items": {"$ref": "#"}}, {"type": "array", "items": {"$ref": "#"}, "maxItems": 2},
        {"type": "array", "prefixItems": [{"type": "integer"}], "items": {"$ref": "#"}}, {"const": "한국"}]})"};

std::shared_ptr<const JsonGrammar> grammar_of(const char* schema) {
  return compile_json_schema(Json::parse(schema), false, "walk");
}

TEST(JsonConstraint, EveryWalkEndsInWhatTheSchemaSays) {
  size_t ended = 0, all = 0;
  for (const std::string& name : tokenizers()) {
    const auto trie = trie_of(name);
    const auto stop = static_cast<int32_t>(trie->words() * 64);
    std::mt19937_64 random(7);
    for (const char* schema : kSchemas) {
      const auto grammar = grammar_of(schema);
      Matcher matcher(grammar);
      for (int i = 0; i < 4; ++i) {
        const auto constraint = make_constraint(grammar, trie, {stop});
        const Walk walk = random_walk(*constraint, *trie, stop, static_cast<size_t>(stop) + 1, random, 300);
        ++all;
        if (!walk.ended) continue;
        ++ended;
        EXPECT_TRUE(matcher.matches(walk.text)) << schema << walk.text;
        EXPECT_TRUE(Json::accept(walk.text)) << walk.text;
      }
    }
  }
  EXPECT_GT(ended * 10, all * 8);
}

// At each step of a walk, every token of the vocabulary is tried byte by byte.
TEST(JsonConstraint, MaskIsWhatTheGrammarSaysOfEveryToken) {
  const auto trie = trie_of("tinystories.tokenizer.json");
  const auto stop = static_cast<int32_t>(trie->words() * 64);
  for (const char* schema : kSchemas) {
    const auto grammar = grammar_of(schema);
    for (uint64_t seed = 0; seed < 2; ++seed) {
      std::mt19937_64 random(seed);
      Matcher matcher(grammar);
      Places places = matcher.begin();
      const auto constraint = make_constraint(grammar, trie, {stop});
      for (int step = 0; step < 60; ++step) {
        std::vector<float> logits(static_cast<size_t>(stop) + 1, 1.0F);
        constraint->mask(logits);
        std::vector<int32_t> allowed;
        for (int32_t id = 0; id < stop; ++id) {
          Places now = trie->bytes(id).empty() ? Places{} : places;
          for (const char byte : trie->bytes(id)) now = matcher.step(now, static_cast<uint8_t>(byte));
          ASSERT_EQ(logits[static_cast<size_t>(id)] == 1.0F, !now.empty())
              << schema << " step " << step << " token " << id;
          if (!now.empty()) allowed.push_back(id);
        }
        ASSERT_EQ(constraint->may_end(), Matcher::at_end(places));
        if (allowed.empty()) break;
        const int32_t token = allowed[random() % allowed.size()];
        constraint->accept(token);
        for (const char byte : trie->bytes(token)) places = matcher.step(places, static_cast<uint8_t>(byte));
      }
    }
  }
}

TEST(JsonConstraint, StopTokensComeAtTheEndAlone) {
  const auto trie = trie_of("gpt2.tokenizer.json.gz");
  const text::Tokenizer gpt2 = tokenizer("gpt2.tokenizer.json.gz");
  const int32_t stop = *gpt2.token_to_id("<|endoftext|>");
  const auto constraint =
      make_constraint(grammar_of(R"({"type": "integer", "maximum": 12, "minimum": 1})"), trie, {stop});
  std::vector<float> logits(static_cast<size_t>(gpt2.id_limit()) + 100);
  const auto allowed = [&] {
    std::fill(logits.begin(), logits.end(), 0.0F);
    constraint->mask(logits);
    std::vector<std::string> out;
    for (size_t i = 0; i < logits.size(); ++i) {
      if (logits[i] == 0)
        out.push_back(static_cast<int32_t>(i) == stop ? "stop" : std::string(trie->bytes(static_cast<int32_t>(i))));
    }
    std::sort(out.begin(), out.end());
    return out;
  };
  const std::vector<std::string> first = allowed();
  EXPECT_TRUE(std::find(first.begin(), first.end(), "12") != first.end());
  EXPECT_TRUE(std::find(first.begin(), first.end(), "13") == first.end());
  EXPECT_TRUE(std::find(first.begin(), first.end(), "stop") == first.end());
  constraint->accept(*gpt2.token_to_id("1"));
  EXPECT_EQ(allowed(), (std::vector<std::string>{"0", "1", "2", "stop"}));
  EXPECT_TRUE(constraint->may_end());
  EXPECT_FALSE(constraint->finished());
  constraint->accept(*gpt2.token_to_id("0"));
  EXPECT_EQ(allowed(), std::vector<std::string>{"stop"});
  EXPECT_TRUE(constraint->finished());
  constraint->accept(stop);
  EXPECT_EQ(allowed(), std::vector<std::string>{"stop"});
}

TEST(TokenTrie, RefusesATokenizerThatCannotWriteEveryByte) {
  for (const char* name : {"t5-small.tokenizer.json.gz", "added-tokens.tokenizer.json"}) {
    EXPECT_THROW(TokenTrie{tokenizer(name)}, Error) << name;
  }
}

TEST(TokenTrie, BytesOfTokensAreWhatDecodingShows) {
  for (const std::string& name : tokenizers()) {
    const text::Tokenizer all = tokenizer(name);
    const auto trie = trie_of(name);
    for (const std::string text : {"{\"a\": [1, 2.5, \"한국어 😀\\n\"]}\n", "x  y\tz"}) {
      std::string bytes;
      for (const int32_t id : all.encode("a" + text)) bytes += trie->bytes(id);
      EXPECT_TRUE(bytes == "a" + text || bytes == " a" + text) << name << bytes;
    }
    EXPECT_EQ(trie->bytes(all.id_limit()), "");
    EXPECT_EQ(trie->bytes(-1), "");
    for (int32_t id = 0; id < all.id_limit(); ++id) {
      EXPECT_TRUE(!all.is_special(id) || trie->bytes(id).empty()) << id;
    }
  }
}

}  // namespace
}  // namespace hone::generate
