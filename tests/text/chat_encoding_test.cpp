#include "text/chat_encoding.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "error_of.h"

namespace hone::text {
namespace {

constexpr const char* kChatml =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// The character that stands for a byte in byte-level vocabularies (GPT-2's table).
std::string byte_symbol(int byte) {
  const auto printable = [](int b) { return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174; };
  int code = byte;
  if (!printable(byte)) {
    code = 256;
    for (int b = 0; b < byte; ++b) code += !printable(b);
  }
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
}

/// A byte-level tokenizer of one merge (two line breaks), with <s>, <|im_start|>, <|im_end|>, <|end|>.
class Folder {
 public:
  explicit Folder(bool adds_bos = false, const std::string& eos = "<|im_end|>") {
    path_ = std::filesystem::temp_directory_path() /
            ("hone-chat-" + std::to_string(reinterpret_cast<uintptr_t>(this)) + (adds_bos ? "b" : "n"));
    std::filesystem::create_directories(path_);
    Json vocab = Json::object();
    for (int byte = 0; byte < 256; ++byte) vocab[byte_symbol(byte)] = byte;
    const std::string line = byte_symbol('\n');
    vocab[line + line] = 256;
    Json added = Json::array();
    for (const char* token : {"<s>", "<|im_start|>", "<|im_end|>", "<|end|>"}) {
      added.push_back({{"id", 257 + added.size()},
                       {"content", token},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", true}});
    }
    const Json level = {
        {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", false}, {"use_regex", false}};
    Json post = nullptr;
    if (adds_bos) {
      post = {{"type", "TemplateProcessing"},
              {"single",
               {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
              {"pair", Json::array()},
              {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {257}}, {"tokens", {"<s>"}}}}}}};
    }
    write_json(path_ / "tokenizer.json",
               {{"version", "1.0"},
                {"truncation", nullptr},
                {"padding", nullptr},
                {"added_tokens", added},
                {"normalizer", nullptr},
                {"pre_tokenizer", level},
                {"post_processor", post},
                {"decoder", level},
                {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", {line + " " + line}}}}});
    write_json(path_ / "tokenizer_config.json", {{"bos_token", "<s>"}, {"eos_token", eos}});
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct Bench {
  Folder folder;
  Tokenizer tokenizer;
  ChatEncoder encoder;

  explicit Bench(const std::string& chat_template = kChatml, ChatEncodingOptions options = {}, bool adds_bos = false)
      : folder(adds_bos),
        tokenizer(Tokenizer::load(folder.path())),
        encoder(tokenizer, chat_template, stop_ids_for(folder.path(), tokenizer), options) {}

  /// The rendering with trained stretches in brackets: "…[Hello<|im_end|>]…".
  std::string show(const data::Example& example) const { return show(encoder.encode(example)); }
  std::string show(const EncodedExample& encoded) const {
    std::string text;
    std::vector<int32_t> run;
    for (size_t i = 0; i < encoded.ids.size(); ++i) {
      run.push_back(encoded.ids[i]);
      if (i + 1 < encoded.ids.size() && encoded.trained[i + 1] == encoded.trained[i]) continue;
      text += encoded.trained[i] ? "[" + tokenizer.decode(run) + "]" : tokenizer.decode(run);
      run.clear();
    }
    return text;
  }
};

data::Example chat(std::initializer_list<std::pair<std::string, std::string>> turns) {
  data::Example example;
  example.origin = {"train.jsonl", 7, 0};
  for (const auto& [role, content] : turns) example.messages.push_back({role, content, true, ""});
  return example;
}

/// The Error of encoding `example`, as "place | message".
std::string fault(const Bench& bench, const data::Example& example) {
  try {
    return "encoded: " + bench.show(example);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    EXPECT_FALSE(error.remedy().empty());
    return error.place() + " | " + error.message();
  }
}

TEST(ChatEncoding, TrainsTheAnswerAndItsStopToken) {
  const Bench bench;
  EXPECT_EQ(bench.show(chat({{"system", "짧게."}, {"user", "안녕?"}, {"assistant", "네, 안녕하세요."}})),
            "<|im_start|>system\n짧게.<|im_end|>\n<|im_start|>user\n안녕?<|im_end|>\n<|im_start|>assistant\n"
            "[네, 안녕하세요.<|im_end|>]\n");
}

TEST(ChatEncoding, EveryAssistantTurnUnlessItsWeightIsZero) {
  const Bench bench;
  data::Example example = chat({{"user", "1"}, {"assistant", "one"}, {"user", "2"}, {"assistant", "two"}});
  EXPECT_EQ(bench.show(example),
            "<|im_start|>user\n1<|im_end|>\n<|im_start|>assistant\n[one<|im_end|>]\n"
            "<|im_start|>user\n2<|im_end|>\n<|im_start|>assistant\n[two<|im_end|>]\n");
  example.messages[1].trained = false;
  EXPECT_EQ(bench.show(example),
            "<|im_start|>user\n1<|im_end|>\n<|im_start|>assistant\none<|im_end|>\n"
            "<|im_start|>user\n2<|im_end|>\n<|im_start|>assistant\n[two<|im_end|>]\n");
  example.messages[3].trained = false;
  EXPECT_EQ(fault(bench, example), "train.jsonl:7 | no token to train on");
}

TEST(ChatEncoding, GenerationTagsAndPrefixesAgree) {
  const Bench plain;
  const Bench tagged(
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content "
      "}}<|im_end|>"
      "{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}{{ '\n' }}{% endfor %}"
      "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}");
  const Bench content_only(
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
      "{% endgeneration %}{% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}"
      "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}");
  const data::Example example = chat({{"user", "하나"}, {"assistant", "둘 셋"}, {"user", "넷"}, {"assistant", "다섯"}});
  EXPECT_EQ(tagged.show(example), plain.show(example));
  EXPECT_EQ(content_only.show(example), plain.show(example));  // the stop token behind the tag is trained too
}

TEST(ChatEncoding, AnswersThatEndWithoutAStopTokenAreRefused) {
  const Bench bench(
      "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% "
      "endif %}");
  EXPECT_EQ(fault(bench, chat({{"user", "hi"}, {"assistant", "hello"}})),
            "train.jsonl:7: turn 2 | no token after the answer ends it, so the model would not learn to stop (it stops "
            "on: <|im_end|>)");
  // A stop token further on belongs to somebody else's turn.
  const Bench later(
      "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% if m.role == 'user' %}<|im_end|>{% endif %}{% endfor %}"
      "{% if add_generation_prompt %}assistant: {% endif %}");
  EXPECT_NE(fault(later, chat({{"user", "a"}, {"assistant", "b"}, {"user", "c"}, {"assistant", "d"}}))
                .find("turn 2 | no token after"),
            std::string::npos);
}

TEST(ChatEncoding, AStopTokenInsideTheAnswerIsRefused) {
  const Bench bench;
  EXPECT_EQ(fault(bench, chat({{"user", "hi"}, {"assistant", "well<|im_end|> more"}})),
            "train.jsonl:7: turn 2 | the answer itself holds <|im_end|>, on which generation stops");
}

TEST(ChatEncoding, APromptThatMergesWithTheAnswerIsRefused) {
  const Bench bench;  // "assistant\n" + "\nhello" would hold the token "\n\n"
  const std::string message = fault(bench, chat({{"user", "hi"}, {"assistant", "\nhello"}}));
  EXPECT_NE(
      message.find("train.jsonl:7: turn 2 | the answer's first characters and the prompt's last ones become one token"),
      std::string::npos)
      << message;
}

TEST(ChatEncoding, TemplatesThatRewriteEarlierTurns) {
  // Reasoning is dropped from all turns but the last, as Qwen 3's template does.
  const Bench bench(
      "{% for m in messages %}<|im_start|>{{ m.role }}\n"
      "{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n{% endif %}"
      "{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}");
  EXPECT_EQ(bench.show(chat({{"user", "1"}, {"assistant", "one"}, {"user", "2"}, {"assistant", "two"}})),
            "<|im_start|>user\n1<|im_end|>\n<|im_start|>assistant\n[one<|im_end|>]\n"
            "<|im_start|>user\n2<|im_end|>\n<|im_start|>assistant\n[<think>\n\n</think>\ntwo<|im_end|>]\n");
  // Here the prompt itself changes once the conversation goes on.
  const Bench counting(
      "({{ messages | length }}){% for m in messages %}{{ m.role }}:{{ m.content }}<|im_end|>{% endfor %}"
      "{% if add_generation_prompt %}assistant:{% endif %}");
  EXPECT_NE(fault(counting, chat({{"user", "1"}, {"assistant", "one"}}))
                .find("turn 2 | the template renders what comes before this turn"),
            std::string::npos);
}

TEST(ChatEncoding, TrimmedAnswersAreFound) {
  const Bench bench(
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}"
      "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}");
  EXPECT_EQ(bench.show(chat({{"user", " a "}, {"assistant", "  b\n"}})),
            "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n[b<|im_end|>]\n");
}

TEST(ChatEncoding, OneBeginningOfSequence) {
  const data::Example example = chat({{"user", "a"}, {"assistant", "b"}});
  const std::string body = "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n[b<|im_end|>]\n";
  EXPECT_EQ(Bench(kChatml, {}, false).show(example), body);
  EXPECT_EQ(Bench(kChatml, {}, true).show(example), "<s>" + body);  // the tokenizer adds it
  EXPECT_EQ(Bench(std::string("{{ bos_token }}") + kChatml, {}, true).show(example), "<s>" + body);  // once
  EXPECT_EQ(Bench(std::string("{{ bos_token }}") + kChatml, {}, false).show(example),
            "<s>" + body);  // the template does
  EXPECT_NE(fault(Bench(std::string("<s>{{ bos_token }}") + kChatml), example).find("two BOS tokens (<s>)"),
            std::string::npos);
}

TEST(ChatEncoding, ThePromptIsAPrefixOfTheExample) {
  for (const bool adds_bos : {false, true}) {
    const Bench bench(kChatml, {}, adds_bos);
    const data::Example example = chat({{"system", "s"}, {"user", "질문"}, {"assistant", "답변"}});
    const auto prompt = bench.encoder.encode_prompt(example);
    const auto encoded = bench.encoder.encode(example);
    ASSERT_LT(prompt.size(), encoded.ids.size());
    EXPECT_TRUE(std::equal(prompt.begin(), prompt.end(), encoded.ids.begin()));
    EXPECT_EQ(std::find(encoded.trained.begin(), encoded.trained.end(), 1) - encoded.trained.begin(),
              static_cast<ptrdiff_t>(prompt.size()));
    EXPECT_EQ(bench.encoder.render_prompt(example),
              "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\n질문<|im_end|>\n<|im_start|>assistant\n");
  }
}

TEST(ChatEncoding, TooLongExamples) {
  const data::Example example = chat({{"user", "abc"}, {"assistant", "defg"}});
  const size_t whole = Bench().encoder.encode(example).ids.size();
  const auto with = [](size_t length, OnTooLong policy) {
    return ChatEncodingOptions{.max_length = static_cast<uint32_t>(length), .on_too_long = policy};
  };
  const auto cut = Bench(kChatml, with(whole - 3, OnTooLong::kTruncate)).encoder.encode(example);
  EXPECT_TRUE(cut.truncated);
  EXPECT_EQ(cut.ids.size(), whole - 3);
  EXPECT_EQ(std::count(cut.trained.begin(), cut.trained.end(), 1), 3);  // "def"
  EXPECT_FALSE(Bench(kChatml, with(whole, OnTooLong::kError)).encoder.encode(example).truncated);
  EXPECT_THROW(Bench(kChatml, with(5, OnTooLong::kTruncate)).encoder.encode(example), RejectedExample);
  EXPECT_THROW(Bench(kChatml, with(whole - 1, OnTooLong::kSkip)).encoder.encode(example), RejectedExample);
  try {
    Bench(kChatml, with(whole - 1, OnTooLong::kError)).encoder.encode(example);
    FAIL() << "no error";
  } catch (const RejectedExample&) {
    FAIL() << "kError must stop the run, not reject one example";
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), std::to_string(whole) + " tokens, max_length is " + std::to_string(whole - 1));
  }
}

TEST(ChatEncoding, TrainOnPromptAndRawText) {
  const Bench all(kChatml, {.train_on_prompt = true}, true);
  const auto encoded = all.encoder.encode(chat({{"user", "a"}, {"assistant", "b"}}));
  EXPECT_EQ(std::count(encoded.trained.begin(), encoded.trained.end(), 1), static_cast<ptrdiff_t>(encoded.ids.size()));
  data::Example text;
  text.text = "가<s>";  // special tokens written in a corpus are text
  EXPECT_EQ(all.encoder.encode(text).ids, (std::vector<int32_t>{257, 0xEA, 0xB0, 0x80, '<', 's', '>', 259}));
}

TEST(ChatEncoding, ToolCallsReachTheTemplateAsObjects) {
  const Bench bench(
      "{% for m in messages %}{{ m.role }}:{% if m.tool_calls %}{{ m.tool_calls[0].function.arguments.city }}"
      "{{ m.content is none }}{% else %}{{ m.content }}{% endif %}<|im_end|>{% endfor %}"
      "{% if add_generation_prompt %}assistant:{% endif %}{{ '' if tools is none else tools | length }}");
  data::Example example = chat({{"user", "weather?"}, {"assistant", ""}});
  example.messages[1].extra_json =
      R"({"content":null,"tool_calls":[{"type":"function","function":{"name":"f","arguments":"{\"city\": \"서울\"}"}}]})";
  EXPECT_EQ(bench.show(example), "user:weather?<|im_end|>assistant:[서울True<|im_end|>]");
}

TEST(ChatEncoding, WhatTheTemplateRefusesNamesTheRow) {
  const Bench bench("{{ raise_exception('roles must alternate') }}");
  const std::string message = fault(bench, chat({{"user", "a"}, {"assistant", "b"}}));
  EXPECT_NE(message.find("train.jsonl:7 | the chat template refuses the conversation: "), std::string::npos) << message;
  EXPECT_NE(message.find("roles must alternate"), std::string::npos) << message;
  const Folder folder;
  const Tokenizer tokenizer = Tokenizer::load(folder.path());
  const ChatEncoder none(tokenizer, "", {259}, {});
  EXPECT_THROW(none.encode(chat({{"user", "a"}, {"assistant", "b"}})), Error);
}

TEST(StopIds, ComeFromAllThreeFiles) {
  const Folder folder(false, "<|end|>");
  const Tokenizer tokenizer = Tokenizer::load(folder.path());
  EXPECT_EQ(stop_ids_for(folder.path(), tokenizer), (std::vector<int32_t>{260}));
  write_json(folder.path() / "generation_config.json", {{"eos_token_id", {259, 300}}});
  write_json(folder.path() / "config.json", {{"eos_token_id", 259}});
  EXPECT_EQ(stop_ids_for(folder.path(), tokenizer), (std::vector<int32_t>{259, 260, 300}));
  write_json(folder.path() / "config.json", {{"eos_token_id", "</s>"}});
  EXPECT_THROW(stop_ids_for(folder.path(), tokenizer), Error);
}

/// `prompt`, then `chosen` or `rejected`.
data::Example pair(const data::Example& prompt, const std::string& chosen, const std::string& rejected) {
  data::Example example = prompt;
  example.rejected = data::Rejected{.shared = prompt.messages.size(), .messages = {{"assistant", rejected, true, ""}}};
  example.messages.push_back({"assistant", chosen, true, ""});
  return example;
}

data::Example text_pair(const std::string& prompt, const std::string& chosen, const std::string& rejected) {
  data::Example example;
  example.origin = {"pairs.jsonl", 3, 0};
  example.text = prompt + chosen;
  example.rejected = data::Rejected{.shared = prompt.size(), .messages = {}, .text = rejected};
  return example;
}

TEST(PairEncoding, BothBranchesBeginWithTheSamePromptAndTrainTheAnswer) {
  const Bench bench;
  const data::Example example = pair(chat({{"user", "하늘?"}}), "파란색", "초록색!");
  const auto branches = bench.encoder.encode_branches(example);
  ASSERT_EQ(branches.size(), 2u);
  EXPECT_EQ(bench.show(branches[0]), "<|im_start|>user\n하늘?<|im_end|>\n<|im_start|>assistant\n[파란색<|im_end|>]\n");
  EXPECT_EQ(bench.show(branches[1]), "<|im_start|>user\n하늘?<|im_end|>\n<|im_start|>assistant\n[초록색!<|im_end|>]\n");
  EXPECT_EQ(branches[1].origin.line, 7u);
  EXPECT_EQ(bench.encoder.encode_branches(chat({{"user", "1"}, {"assistant", "one"}})).size(), 1u);
}

TEST(PairEncoding, TextsAreOneTextWithBosAndEos) {
  const Bench bench(kChatml, {}, /*adds_bos=*/true);
  // The end that is written there already is the end, not a second one; other special tokens are text.
  const auto branches = bench.encoder.encode_branches(text_pair("The sky is", " blue<|im_end|>", " <|end|>"));
  EXPECT_EQ(bench.show(branches[0]), "<s>The sky is[ blue<|im_end|>]");
  EXPECT_EQ(bench.show(branches[1]), "<s>The sky is[ <|end|><|im_end|>]");
  EXPECT_EQ(branches[1].ids.size(), 1 + 10 + 8 + 1u);
  EXPECT_EQ(bench.encoder.encode(text_pair("The sky is", " blue", " red")).ids, branches[0].ids);
}

/// The Error of encode_branches, as "place | message".
std::string pair_fault(const Bench& bench, const data::Example& example) {
  try {
    bench.encoder.encode_branches(example);
    return "encoded";
  } catch (const Error& error) {
    EXPECT_FALSE(error.remedy().empty());
    return error.place() + " | " + error.message();
  }
}

TEST(PairEncoding, WhatCannotBeComparedIsRefused) {
  const Bench bench;
  // Two line breaks are one token of this tokenizer.
  EXPECT_EQ(pair_fault(bench, text_pair("Question\n", "\nfine", "other")),
            "pairs.jsonl:3 | the answer's first characters and the prompt's last ones become one token");
  const Bench trims(
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}"
      "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}");
  EXPECT_EQ(pair_fault(trims, pair(chat({{"user", "1"}}), "one", "one ")),
            "train.jsonl:7 | both answers come to the same tokens");
  // The first turn is rendered with the last one in view.
  const Bench looks_ahead(
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if messages[-1].role == 'assistant' %}{{ "
      "messages[-1].content | length }}{% endif %}{{ m.content }}<|im_end|>\n{% endfor %}"
      "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}");
  EXPECT_NE(pair_fault(looks_ahead, pair(chat({{"user", "1"}}), "one", "three")), "encoded");
}

TEST(PairEncoding, TooLongPairsAreCutOrLeftOutTogether) {
  const data::Example example = pair(chat({{"user", "1"}}), "one and two and three", "one or");
  const size_t whole = Bench().encoder.encode_branches(example)[0].ids.size();
  const Bench cuts(kChatml, {.max_length = static_cast<uint32_t>(whole - 6)});
  const auto branches = cuts.encoder.encode_branches(example);
  EXPECT_TRUE(branches[0].truncated);
  EXPECT_FALSE(branches[1].truncated);
  EXPECT_EQ(branches[0].ids.size(), whole - 6);
  const auto rejected = [&](ChatEncodingOptions options) {
    try {
      Bench(kChatml, options).encoder.encode_branches(example);
      return std::string("encoded");
    } catch (const RejectedExample& reason) {
      return reason.message();
    }
  };
  const auto first = static_cast<uint32_t>(std::find(branches[0].trained.begin(), branches[0].trained.end(), 1) -
                                           branches[0].trained.begin());
  EXPECT_TRUE(contains(rejected({.max_length = first}), "the prompt alone fills max_length"));
  EXPECT_TRUE(contains(rejected({.max_length = first + 4}), "both answers are the same"));
  EXPECT_TRUE(contains(rejected({.max_length = static_cast<uint32_t>(whole - 6), .on_too_long = OnTooLong::kSkip}),
                       "max_length is"));
}

}  // namespace
}  // namespace hone::text
