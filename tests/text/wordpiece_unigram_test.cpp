// WordPiece and Unigram on vocabularies small enough to follow by hand; what is wrong with a file is said.
// That ids equal the reference library's on real text is the matter of tests/parity.
#include <gtest/gtest.h>

#include <fstream>

#include "error_of.h"
#include "temporary_folder.h"
#include "text/random_text.h"
#include "text/test_tokenizer.h"

namespace hone::text {
namespace {

Json word_piece_json() {
  return Json::parse(R"({"added_tokens": [{"id": 0, "content": "[UNK]", "special": true}],
    "normalizer": {"type": "BertNormalizer"}, "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
    "decoder": {"type": "WordPiece"},
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 9,
      "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "un": 3, "##aff": 4, "##able": 5, "##a": 6, "don": 7, "'": 8, "t": 9,
                ".": 10, "a": 11, "##b": 12, "漢": 13}}})");
}

/// The example of the reference library's documentation, with bytes for some characters.
Json unigram_json() {
  return Json::parse(R"({"added_tokens": [], "normalizer": null, "pre_tokenizer": null, "post_processor": null,
    "decoder": {"type": "ByteFallback"},
    "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": true, "vocab": [["<unk>", 0], ["a", 0], ["b", 0], ["c", 0],
      ["d", 0], ["cd", 1], ["ab", 2], ["abc", 5], ["abcd", 10], ["<0xC3>", -1], ["<0xA9>", -1], ["<0xA8>", -1]]}})");
}

std::vector<std::string> tokens_of(const Json& document, std::string_view text) {
  return parse_tokenizer(document).encode_with_offsets(text).tokens;
}

using Tokens = std::vector<std::string>;
using Offsets = std::vector<std::pair<uint32_t, uint32_t>>;

TEST(WordPiece, TakesTheLongestTokenFromTheLeft) {
  EXPECT_EQ(tokens_of(word_piece_json(), "Unaffable."), (Tokens{"un", "##aff", "##able", "."}));
  EXPECT_EQ(tokens_of(word_piece_json(), "ab 漢漢"), (Tokens{"a", "##b", "漢", "漢"}));
}

TEST(WordPiece, AWordWithAnUnknownPartIsUnknownAsAWhole) {
  const Encoding encoding = parse_tokenizer(word_piece_json()).encode_with_offsets("a unaffx a");
  EXPECT_EQ(encoding.tokens, (Tokens{"a", "[UNK]", "a"}));
  EXPECT_EQ(encoding.offsets, (Offsets{{0, 1}, {2, 8}, {9, 10}}));
  // So is one with more characters than max_input_chars_per_word.
  EXPECT_EQ(tokens_of(word_piece_json(), "abbbbbbbb abbbbbbbbb").back(), "[UNK]");
  EXPECT_EQ(tokens_of(word_piece_json(), "abbbbbbbb abbbbbbbbb").size(), 10u);
}

TEST(WordPiece, WithoutUnknownTokenOnlyKnownWordsAreEncoded) {
  Json document = word_piece_json();
  document["model"]["unk_token"] = "<nothing>";
  const Tokenizer tokenizer = parse_tokenizer(document);
  EXPECT_EQ(tokenizer.encode("una"), (std::vector<int32_t>{3, 6}));
  const Error error = error_of([&] { tokenizer.encode("zzz"); });
  EXPECT_TRUE(contains(error.place(), "test.json: model.unk_token")) << error.what();
  EXPECT_TRUE(contains(error.message(), "<nothing>")) << error.what();
}

TEST(WordPiece, DecodingJoinsWordsAndCleansUp) {
  const Tokenizer tokenizer = parse_tokenizer(word_piece_json());
  const std::vector<int32_t> ids = tokenizer.encode("unaffable don't.", {.add_special_tokens = true});
  EXPECT_EQ(tokenizer.decode(ids), "[CLS] unaffable don ' t. [SEP]");
  EXPECT_EQ(tokenizer.decode(std::vector<int32_t>{5, 5}), "##ableable");
}

TEST(BertNormalizer, GivesTheSameWithAndWithoutOffsets) {
  RandomStream random(5);
  for (int flags = 0; flags < 16; ++flags) {
    Json document = word_piece_json();
    document["normalizer"] = {{"type", "BertNormalizer"},
                              {"clean_text", (flags & 1) != 0},
                              {"handle_chinese_chars", (flags & 2) != 0},
                              {"strip_accents", (flags & 4) != 0},
                              {"lowercase", (flags & 8) != 0}};
    document["pre_tokenizer"] = nullptr;
    // A byte vocabulary shows every byte that the normalizer lets through.
    document["model"] = unigram_json()["model"];
    document["model"]["unk_id"] = 0;
    for (int byte = 0; byte < 256; ++byte) {
      char name[8];
      std::snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(byte));
      document["model"]["vocab"].push_back({name, -1});
    }
    const Tokenizer tokenizer = parse_tokenizer(document);
    for (int i = 0; i < 300; ++i) {
      const std::string text = random_text(random, 30);
      ASSERT_EQ(tokenizer.encode(text), tokenizer.encode_with_offsets(text).ids) << flags << ": " << text;
    }
  }
}

TEST(Unigram, TakesTheBestSumOfScores) {
  EXPECT_EQ(tokens_of(unigram_json(), "abcdacdxx"), (Tokens{"abcd", "a", "cd", "xx"}));
}

TEST(Unigram, OfEqualSumsTheOneWithTheLongerLastToken) {
  Json document = unigram_json();
  document["model"]["vocab"] = Json::parse(R"([["<unk>", 0], ["a", -1], ["aa", -2], ["aaa", -3]])");
  EXPECT_EQ(tokens_of(document, "aaaa"), (Tokens{"a", "aaa"}));
}

TEST(Unigram, NumbersAreReadAsTheReferenceReadsThem) {
  // -5.468… and -5.146… read with one rounding add up to -10.614…; the reference rounds twice, and less comes out.
  ASSERT_EQ(-5.468045609643587 + -5.146437453521167, -10.614483063164755);
  Json document = unigram_json();
  document["model"]["vocab"] = Json::parse(
      R"([["<unk>", 0], ["a", -5.468045609643587], ["b", -5.146437453521167], ["ab", -10.614483063164755]])");
  EXPECT_EQ(tokens_of(document, "ab"), (Tokens{"a", "b"}));
}

TEST(Unigram, EachByteTokenCoversTheWholeUnknownStretch) {
  const Encoding encoding = parse_tokenizer(unigram_json()).encode_with_offsets("aéèxa");
  EXPECT_EQ(encoding.tokens, (Tokens{"a", "éèx", "a"}));  // no token for the byte of x
  const Encoding bytes = parse_tokenizer(unigram_json()).encode_with_offsets("aéèa");
  EXPECT_EQ(bytes.tokens, (Tokens{"a", "<0xC3>", "<0xA9>", "<0xC3>", "<0xA8>", "a"}));
  EXPECT_EQ(bytes.offsets, (Offsets{{0, 1}, {1, 5}, {1, 5}, {1, 5}, {1, 5}, {5, 6}}));
  EXPECT_EQ(parse_tokenizer(unigram_json()).decode(bytes.ids), "aéèa");
}

TEST(Unigram, FaultsNameTheField) {
  const auto fault = [](const char* pointer, const Json& value) {
    Json document = unigram_json();
    document[Json::json_pointer(pointer)] = value;
    return error_of([&] { parse_tokenizer(document); });
  };
  EXPECT_TRUE(contains(fault("/model/unk_id", 12).place(), "model.unk_id"));
  EXPECT_TRUE(contains(fault("/model/unk_id", -1).place(), "model.unk_id"));
  EXPECT_TRUE(contains(fault("/model/unk_id", "<unk>").place(), "model.unk_id"));
  EXPECT_TRUE(contains(fault("/model/vocab", {{"a", 0}}).place(), "model.vocab"));
  EXPECT_TRUE(contains(fault("/model/vocab/1", {"a"}).place(), "model.vocab[1]"));
  EXPECT_TRUE(contains(fault("/model/vocab/1", {"a", "b"}).place(), "model.vocab[1]"));
  Json word_piece = word_piece_json();
  word_piece["model"]["vocab"] = Json::parse(R"([["a", 0]])");
  EXPECT_TRUE(contains(error_of([&] { parse_tokenizer(word_piece); }).place(), "model.vocab"));
}

TEST(Unigram, WithoutUnkIdAnUnknownCharacterIsAnError) {
  Json document = unigram_json();
  document["model"]["unk_id"] = nullptr;
  const Tokenizer tokenizer = parse_tokenizer(document);
  EXPECT_EQ(tokenizer.encode("abc").size(), 1u);
  EXPECT_TRUE(contains(error_of([&] { tokenizer.encode("abz"); }).message(), "\"z\""));
}

TEST(BertFolder, LoadsVocabTxtWhereTheConfigurationLeavesNoDoubt) {
  const TemporaryFolder folder;
  const auto write = [&](const char* name, const std::string& text) { std::ofstream(folder.path() / name) << text; };
  write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\r\n[SEP]\nhello\n##s\nHello\n");
  const auto message = [&] { return std::string(error_of([&] { Tokenizer::load(folder.path()); }).what()); };
  EXPECT_TRUE(contains(message(), "tokenizer_config.json")) << message();
  write("tokenizer_config.json", "{}");
  EXPECT_TRUE(contains(message(), "do_lower_case")) << message();
  write("tokenizer_config.json", R"({"do_lower_case": true})");
  const Tokenizer lower = Tokenizer::load(folder.path());
  EXPECT_EQ(lower.encode("Hellos [PAD]x", {.add_special_tokens = true}), (std::vector<int32_t>{2, 4, 5, 0, 1, 3}));
  EXPECT_TRUE(lower.is_special(0));
  write("tokenizer_config.json", R"({"do_lower_case": false, "unk_token": "[UNK]"})");
  EXPECT_EQ(Tokenizer::load(folder.path()).encode("Hellos"), (std::vector<int32_t>{6, 5}));
  EXPECT_EQ(Tokenizer::load(folder.path()).unk_id(), 1);
  write("vocab.txt", "[UNK]\n\xFF\n");
  EXPECT_TRUE(contains(message(), "UTF-8")) << message();
}

}  // namespace
}  // namespace hone::text
