#include "text/tokenizers/training/tokenizer_trainer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "text/tokenizers/parts.h"
#include "text/tokenizers/training/bpe_trainer.h"

namespace hone::text {
namespace {

constexpr size_t kBytes = 256;

constexpr const char* kGpt2 =
    R"({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true})";
#define HONE_SPLIT(digits)                                                                                          \
  R"({"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": )"                               \
  R"("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|)" digits                                          \
  R"(| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}, "behavior": "Isolated", "invert": false}, )" \
  R"({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]})"
constexpr const char* kLlama3 = HONE_SPLIT(R"(\\p{N}{1,3})");
constexpr const char* kQwen2 = HONE_SPLIT(R"(\\p{N})");
#undef HONE_SPLIT

void check_special_tokens(const TokenizerTraining& settings) {
  std::set<std::string> seen;
  for (const std::string& token : settings.special_tokens) {
    if (token.empty()) fail_input("--special-tokens", "one of them is empty", "leave no comma too many");
    if (!seen.insert(token).second) fail_input("--special-tokens", "\"" + token + "\" is there twice", "drop one");
  }
  const auto check = [&](const char* option, const std::string& token) {
    if (token.empty() || seen.count(token)) return;
    fail_input(option,
               "\"" + token + "\" is not among the special tokens (" + join(settings.special_tokens, ", ") + ")",
               std::string("add it to --special-tokens, or name another with ") + option);
  };
  check("--eos-token", settings.eos_token);
  check("--pad-token", settings.pad_token);
}

}  // namespace

const Registry<SplitScheme>& split_schemes() {
  static const Registry<SplitScheme> all = [] {
    Registry<SplitScheme> registry("split pattern");
    registry.add({"gpt2", "GPT-2: words with the blank before them, numbers whole", {"null", kGpt2}});
    registry.add({"llama3", "Llama 3 and cl100k: numbers in threes, line breaks apart", {"null", kLlama3}});
    registry.add({"qwen2", "Qwen 2: NFC, every digit alone, line breaks apart", {R"({"type": "NFC"})", kQwen2}});
    return registry;
  }();
  return all;
}

struct TokenizerTrainer::Impl {
  TokenizerTraining settings;
  Json normalizer_spec, pre_tokenizer_spec;
  std::unique_ptr<Normalizer> normalizer;
  std::unique_ptr<PreTokenizer> pre_tokenizer;
  WordCounts counts;
  PieceList list;
  std::string repaired;
  TrainedBpe trained;
};

TokenizerTrainer::TokenizerTrainer(TokenizerTraining settings) : impl_(std::make_unique<Impl>()) {
  check_special_tokens(settings);
  const size_t least = kBytes + settings.special_tokens.size();
  if (settings.vocab_size < least || settings.vocab_size > INT32_MAX) {
    fail_input("--vocab-size",
               format("is %zu, the 256 bytes and %zu special tokens alone take %zu", settings.vocab_size,
                      settings.special_tokens.size(), least),
               "common sizes are 2,000 for toys to 150,000 for many languages");
  }
  const SplitScheme& scheme = split_schemes().at(settings.pattern, "--pattern").make;
  impl_->normalizer_spec = Json::parse(scheme.normalizer);
  impl_->pre_tokenizer_spec = Json::parse(scheme.pre_tokenizer);
  impl_->normalizer = make_normalizer(impl_->normalizer_spec, "normalizer");
  impl_->pre_tokenizer = make_pre_tokenizer(impl_->pre_tokenizer_spec, "pre_tokenizer");
  impl_->pre_tokenizer->leave_bytes_raw();
  impl_->settings = std::move(settings);
}
TokenizerTrainer::~TokenizerTrainer() = default;

void TokenizerTrainer::add(std::string_view text) {
  if (valid_utf8_prefix(text) != text.size()) {
    impl_->repaired.clear();
    append_repaired(impl_->repaired, text);
    text = impl_->repaired;
  }
  PieceList& list = impl_->list;
  list.text.reset(text, 0, false);
  if (impl_->normalizer) impl_->normalizer->apply(list.text);
  list.pieces.clear();
  if (list.text.size() > 0) list.pieces.push_back({0, static_cast<uint32_t>(list.text.size())});
  impl_->pre_tokenizer->apply(list);
  for (const ByteRange piece : list.pieces) impl_->counts.add(list.view(piece));
}

uint64_t TokenizerTrainer::words() const {
  return impl_->counts.total();
}
size_t TokenizerTrainer::distinct_words() const {
  return impl_->counts.distinct();
}
size_t TokenizerTrainer::vocab_size() const {
  return impl_->trained.vocab.size();
}
size_t TokenizerTrainer::merges() const {
  return impl_->trained.merges.size();
}

void TokenizerTrainer::train(const std::function<void(size_t)>& progress) {
  const TokenizerTraining& settings = impl_->settings;
  impl_->trained =
      train_bpe(impl_->counts, {settings.vocab_size, settings.min_frequency, settings.special_tokens, progress});
}

Json TokenizerTrainer::tokenizer_json() const {
  const TrainedBpe& trained = impl_->trained;
  Json added = Json::array();
  for (size_t id = 0; id < impl_->settings.special_tokens.size(); ++id) {
    added.push_back({{"id", id},
                     {"content", impl_->settings.special_tokens[id]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  // Filled as one: an ordered object that looks for each new key among the old would take the square of the size.
  Json::object_t vocab;
  vocab.reserve(trained.vocab.size());
  for (size_t id = 0; id < trained.vocab.size(); ++id) {
    static_cast<Json::object_t::Container&>(vocab).emplace_back(trained.vocab[id], id);
  }
  Json merges = Json::array();
  for (const auto& [left, right] : trained.merges) {
    merges.push_back({trained.vocab[static_cast<size_t>(left)], trained.vocab[static_cast<size_t>(right)]});
  }
  Json model = {{"type", "BPE"},
                {"dropout", nullptr},
                {"unk_token", nullptr},
                {"continuing_subword_prefix", nullptr},
                {"end_of_word_suffix", nullptr},
                {"fuse_unk", false},
                {"byte_fallback", false},
                {"ignore_merges", false}};
  model["vocab"] = std::move(vocab);
  model["merges"] = std::move(merges);
  const Json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  Json document = {{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}};
  document["added_tokens"] = std::move(added);
  document["normalizer"] = impl_->normalizer_spec;
  document["pre_tokenizer"] = impl_->pre_tokenizer_spec;
  document["post_processor"] = byte_level;
  document["decoder"] = byte_level;
  document["model"] = std::move(model);
  return document;
}

Json TokenizerTrainer::tokenizer_config_json() const {
  const TokenizerTraining& settings = impl_->settings;
  const auto or_null = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); };
  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"}, {"bos_token", nullptr}};
  config["eos_token"] = or_null(settings.eos_token);
  config["pad_token"] = or_null(settings.pad_token);
  config["unk_token"] = nullptr;
  config["additional_special_tokens"] = Json::array();
  for (const std::string& token : settings.special_tokens) {
    if (token != settings.eos_token && token != settings.pad_token)
      config["additional_special_tokens"].push_back(token);
  }
  config["clean_up_tokenization_spaces"] = false;
  config["model_max_length"] = 1000000000;
  if (!settings.chat_template.empty()) config["chat_template"] = settings.chat_template;
  return config;
}

void TokenizerTrainer::write(const std::filesystem::path& folder) const {
  std::error_code fault;
  std::filesystem::create_directories(folder, fault);
  if (fault) fail_work(folder.string(), "cannot be made: " + fault.message(), "choose another --output");
  write_json(folder / "tokenizer.json", tokenizer_json());
  write_json(folder / "tokenizer_config.json", tokenizer_config_json());
}

}  // namespace hone::text
