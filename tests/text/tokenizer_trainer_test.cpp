#include "text/tokenizers/training/tokenizer_trainer.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "error_of.h"
#include "temporary_folder.h"
#include "text/test_tokenizer.h"
#include "text/tokenizers/training/bpe_trainer.h"
#include "text/unicode.h"

namespace hone::text {
namespace {

std::vector<std::string> merged(const TrainedBpe& trained) {
  std::vector<std::string> out;
  for (const auto& [left, right] : trained.merges) {
    out.push_back(trained.vocab[static_cast<size_t>(left)] + "+" + trained.vocab[static_cast<size_t>(right)]);
  }
  return out;
}

TEST(BpeTrainer, TheExampleOfTheBpePaper) {
  // Sennrich et al. 2016, algorithm 1, without its end-of-word mark; counts worked out by hand:
  // es 9, then st of "est" 9, then lo 7, low 7, and of the pairs that occur six times the smaller ids first.
  WordCounts words;
  const std::pair<const char*, int> corpus[] = {{"low", 5}, {"lower", 2}, {"newest", 6}, {"widest", 3}};
  for (const auto& [word, count] : corpus) {
    for (int i = 0; i < count; ++i) words.add(word);
  }
  EXPECT_EQ(words.total(), 16u);
  EXPECT_EQ(words.distinct(), 4u);
  const TrainedBpe trained =
      train_bpe(words, {.vocab_size = 256 + 7, .min_frequency = 2, .special_tokens = {}, .progress = {}});
  EXPECT_EQ(merged(trained), (std::vector<std::string>{"e+s", "es+t", "l+o", "lo+w", "e+w", "n+ew", "new+est"}));
}

TEST(BpeTrainer, OverlappingPairsMergeFromTheLeft) {
  WordCounts words;
  words.add("aaaaa");
  const TrainedBpe trained =
      train_bpe(words, {.vocab_size = 300, .min_frequency = 1, .special_tokens = {}, .progress = {}});
  // aaaaa -> aa aa a -> of aa+aa and aa+a, once each, the smaller ids: aa+a, then aa+aaa.
  EXPECT_EQ(merged(trained), (std::vector<std::string>{"a+a", "aa+a", "aa+aaa"}));
}

TEST(BpeTrainer, StopsAtTheFrequencyAndAtTheSize) {
  WordCounts words;
  for (int i = 0; i < 3; ++i) words.add("xy");
  words.add("zz");
  const BpeTrainingOptions options{.vocab_size = 1000, .min_frequency = 3, .special_tokens = {"<s>"}, .progress = {}};
  EXPECT_EQ(merged(train_bpe(words, options)), std::vector<std::string>{"x+y"});
  const BpeTrainingOptions none{.vocab_size = 257, .min_frequency = 1, .special_tokens = {"<s>"}, .progress = {}};
  EXPECT_EQ(train_bpe(words, none).vocab.size(), 257u);
}

TEST(BpeTrainer, FirstSpecialTokensThenBytesInTheOrderOfTheirCharacters) {
  const TrainedBpe trained =
      train_bpe({}, {.vocab_size = 300, .min_frequency = 1, .special_tokens = {"<a>", "<b>"}, .progress = {}});
  ASSERT_EQ(trained.vocab.size(), 258u);
  EXPECT_EQ(trained.vocab[0], "<a>");
  EXPECT_EQ(trained.vocab[2], "!");
  EXPECT_EQ(trained.vocab[257], "\u0143");  // the last stand-in: byte 0xAD
}

TEST(TokenizerTrainer, WhatItWritesLoadsAndRoundTrips) {
  const TemporaryFolder folder;
  TokenizerTraining settings;
  settings.vocab_size = 800;
  settings.chat_template = "{{ messages }}";
  TokenizerTrainer trainer(settings);
  for (const std::string& text : sentences()) trainer.add(text);
  trainer.train();
  EXPECT_EQ(trainer.vocab_size(), 800u);
  EXPECT_EQ(trainer.merges(), 800u - 256 - 3);
  trainer.write(folder / "new" / "folder");
  const Tokenizer tokenizer = Tokenizer::load(folder / "new" / "folder");
  EXPECT_EQ(tokenizer.vocab_size(), 800u);
  EXPECT_EQ(tokenizer.eos_token(), "<|im_end|>");
  EXPECT_EQ(tokenizer.eos_id(), 2);
  EXPECT_EQ(tokenizer.pad_id(), 0);
  EXPECT_EQ(tokenizer.bos_id(), std::nullopt);
  EXPECT_EQ(tokenizer.chat_template(), "{{ messages }}");
  size_t bytes = 0, tokens = 0;
  for (const std::string& text : sentences()) {
    const std::vector<int32_t> ids = tokenizer.encode(text);
    EXPECT_EQ(tokenizer.decode(ids), text);
    bytes += text.size();
    tokens += ids.size();
  }
  EXPECT_LT(tokens * 2, bytes);  // it learned something
}

TEST(TokenizerTrainer, TheOrderOfTextsDoesNotMatter) {
  TokenizerTraining settings;
  settings.vocab_size = 600;
  TokenizerTrainer forward(settings), backward(settings);
  for (const std::string& text : sentences()) forward.add(text);
  for (auto it = sentences().rbegin(); it != sentences().rend(); ++it) backward.add(*it);
  forward.train();
  backward.train();
  EXPECT_EQ(forward.tokenizer_json(), backward.tokenizer_json());
}

TEST(TokenizerTrainer, SettingsThatContradictEachOther) {
  const auto fault = [](const std::function<void(TokenizerTraining&)>& change) {
    TokenizerTraining settings;
    settings.vocab_size = 1000;
    change(settings);
    return std::string(error_of([&] { TokenizerTrainer trainer(settings); }).what());
  };
  EXPECT_TRUE(contains(fault([](auto& s) { s.vocab_size = 258; }), "259"));
  EXPECT_TRUE(contains(fault([](auto& s) { s.pattern = "gpt-2"; }), "did you mean \"gpt2\""));
  EXPECT_TRUE(contains(fault([](auto& s) { s.eos_token = "</s>"; }), "--eos-token"));
  EXPECT_TRUE(contains(fault([](auto& s) { s.pad_token = "<pad>"; }), "--pad-token"));
  EXPECT_TRUE(contains(fault([](auto& s) { s.special_tokens.push_back("<|im_end|>"); }), "twice"));
  EXPECT_TRUE(contains(fault([](auto& s) { s.special_tokens.push_back(""); }), "empty"));
}

TEST(Corpus, RowsOfEveryShapeAndRawText) {
  const TemporaryFolder folder;
  const auto texts = [&](const std::string& name, const std::string& content) {
    write_file(folder / name, content);
    std::vector<std::string> out;
    for_each_text(folder / name, [&](std::string_view text) { out.emplace_back(text); });
    return out;
  };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(texts("a.txt", "one\n\ntwo {\"text\": 1}\n"), Texts{"one\n\ntwo {\"text\": 1}\n"});
  EXPECT_EQ(texts("a.py", "[1, 2]"), Texts{"[1, 2]"});
  EXPECT_EQ(texts("plain", "no extension"), Texts{"no extension"});
  EXPECT_EQ(texts("rows", "{\"text\": \"x\"}\n"), Texts{"x"});
  EXPECT_EQ(texts("a.jsonl",
                  "{\"text\": \"가\"}\n\n{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, "
                  "{\"role\": \"assistant\", \"content\": \"a\"}]}\n"),
            (Texts{"가", "q", "a"}));
  EXPECT_EQ(texts("b.jsonl", "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}]}"), Texts{"q"});
  EXPECT_EQ(texts("a.csv", "text\nhello\n\"two\nlines\"\n"), (Texts{"hello", "two\nlines"}));
  EXPECT_EQ(texts("empty.txt", ""), Texts{});
  const auto fault = [&](const std::string& content) {
    return std::string(error_of([&] { texts("f.jsonl", content); }).what());
  };
  EXPECT_TRUE(contains(fault("{\"text\": \"a\"}\n{\"text\": }\n"), "f.jsonl:2"));
  EXPECT_TRUE(contains(fault("{\"text\": \"a\"}\n{\"foo\": 1}\n"), "f.jsonl:2"));
  EXPECT_TRUE(contains(fault("{\"text\": 3}\n"), "f.jsonl:1"));
  EXPECT_TRUE(contains(fault("[1]\n{\"text\": 1}"), "f.jsonl"));
  EXPECT_TRUE(
      contains(error_of([&] { for_each_text(folder / "none.txt", [](std::string_view) {}); }).what(), "none.txt"));
}

TEST(Corpus, LongRawTextComesInPartsThatHideNoBoundary) {
  const TemporaryFolder folder;
  std::string content;
  while (content.size() < (3u << 20)) content += "한국어 문장 하나.\n\n  second line\n";
  write_file(folder / "long.txt", content);
  std::string joined;
  size_t parts = 0;
  for_each_text(folder / "long.txt", [&](std::string_view part) {
    if (parts++ > 0) {
      EXPECT_EQ(joined.back(), '\n');
      EXPECT_NE(part[0], ' ');
      EXPECT_NE(part[0], '\n');
    }
    joined += part;
  });
  EXPECT_EQ(joined, content);
  EXPECT_GT(parts, 1u);
  // Without a line break the cut falls between characters.
  content.clear();
  while (content.size() < (2u << 20)) content += "가나다";
  write_file(folder / "long.txt", content);
  joined.clear();
  for_each_text(folder / "long.txt", [&](std::string_view part) {
    EXPECT_EQ(valid_utf8_prefix(part), part.size());
    joined += part;
  });
  EXPECT_EQ(joined, content);
}

}  // namespace
}  // namespace hone::text
