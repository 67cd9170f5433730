#include "text/tokenizers/bert_folder.h"

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/strings.h"
#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/tokenizer_config.h"

namespace hone::text {
namespace {

namespace fs = std::filesystem;

/// Classes of transformers that differ from BertTokenizer in name only.
constexpr std::array<std::string_view, 6> kClasses{"BertTokenizer",      "ConvBertTokenizer", "DistilBertTokenizer",
                                                   "DPRReaderTokenizer", "ElectraTokenizer",  "MobileBertTokenizer"};

[[noreturn]] void fail_doubt(const fs::path& place, const std::string& what, const std::string& remedy = "") {
  const std::string folder = place.has_filename() ? place.parent_path().string() : place.string();
  fail_input(place.string(), what,
             (remedy.empty() ? "" : remedy + ", or ") +
                 "make a tokenizer.json: python -c \"from transformers import AutoTokenizer as A; A.from_pretrained('" +
                 folder + "').save_pretrained('" + folder + "')\"");
}

Json read_settings(const fs::path& folder) {
  const fs::path path = folder / "tokenizer_config.json";
  const std::string example = R"(write {"tokenizer_class": "BertTokenizer", "do_lower_case": true} (or false) into it)";
  if (!fs::exists(path))
    fail_doubt(path, "does not exist, and vocab.txt alone does not say how text is lowered", example);
  Json settings = read_json(path);
  if (!settings.is_object()) fail_input(path.string(), "must be a JSON object");
  const std::string place = path.string();
  std::string name = field_or<std::string>(settings, "tokenizer_class", "BertTokenizer", place);
  if (ends_with(name, "Fast")) name.resize(name.size() - 4);
  if (std::find(kClasses.begin(), kClasses.end(), name) == kClasses.end()) {
    fail_doubt(path, "tokenizer_class is \"" + excerpt(name, 40) + "\", whose rules a vocab.txt does not tell");
  }
  const auto lower = settings.find("do_lower_case");
  if (lower == settings.end() || lower->is_null()) {
    fail_doubt(path, "does not say do_lower_case",
               "add \"do_lower_case\": true for an uncased model, false for a cased one");
  }
  if (!field_or(settings, "do_basic_tokenize", true, place)) {
    fail_doubt(path,
               "do_basic_tokenize is false: text would be cut at blanks only, which no tokenizer.json of BERT does");
  }
  if (const auto it = settings.find("never_split"); it != settings.end() && it->is_array() && !it->empty()) {
    fail_doubt(path, "never_split names words that are kept whole, which is not supported");
  }
  if (fs::exists(folder / "added_tokens.json")) {
    fail_doubt(folder / "added_tokens.json", "adds tokens without saying how they are looked for");
  }
  return settings;
}

using VocabList = std::vector<std::pair<std::string_view, int32_t>>;

VocabList read_lines(std::string_view text, const std::string& place) {
  if (valid_utf8_prefix(text) != text.size())
    fail_input(place, format("is not UTF-8 at byte %zu", valid_utf8_prefix(text)));
  VocabList out;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    out.emplace_back(line, static_cast<int32_t>(out.size()));
    begin = end + 1;
  }
  return out;
}

class BertParts {
 public:
  explicit BertParts(const fs::path& folder)
      : folder_(folder), settings_(read_settings(folder)), config_(read_tokenizer_config(folder)) {
    const auto or_default = [](std::string& token, const char* usual) {
      if (token.empty()) token = usual;
    };
    or_default(config_.unk, "[UNK]");
    or_default(config_.sep, "[SEP]");
    or_default(config_.pad, "[PAD]");
    or_default(config_.cls, "[CLS]");
    or_default(config_.mask, "[MASK]");
  }

  TokenizerParts read() {
    const fs::path path = folder_ / "vocab.txt";
    const MappedFile file(path);
    const Json options = {{"unk_token", config_.unk}};
    ModelSpec spec;
    spec.place = path.string();
    spec.type = "WordPiece";
    spec.vocab = read_lines(file.view(), spec.place);
    spec.options = &options;
    TokenizerParts parts;
    parts.model = models().at(spec.type, spec.place).make(spec);
    parts.normalizer = make_normalizer(normalizer(), spec.place);
    parts.pre_tokenizer = make_pre_tokenizer({{"type", "BertPreTokenizer"}}, spec.place);
    parts.decoder = make_decoder({{"type", "WordPiece"}}, spec.place);
    const Json processor = {{"type", "BertProcessing"},
                            {"sep", Json::array({config_.sep, id_of(*parts.model, config_.sep)})},
                            {"cls", Json::array({config_.cls, id_of(*parts.model, config_.cls)})}};
    parts.post_processor = make_post_processor(processor, spec.place);
    id_of(*parts.model, config_.unk);
    add_tokens(parts);
    return parts;
  }

 private:
  Json normalizer() const {
    const std::string place = (folder_ / "tokenizer_config.json").string();
    Json out = {{"type", "BertNormalizer"}, {"clean_text", true}};
    out["lowercase"] = field<bool>(settings_, "do_lower_case", place);
    out["handle_chinese_chars"] = field_or(settings_, "tokenize_chinese_chars", true, place);
    out["strip_accents"] = settings_.contains("strip_accents") ? settings_["strip_accents"] : Json(nullptr);
    return out;
  }

  int32_t id_of(const Model& model, const std::string& token) const {
    const auto id = model.token_to_id(token);
    if (!id) fail_doubt(folder_ / "vocab.txt", "does not have the token \"" + excerpt(token, 40) + "\"");
    return *id;
  }

  /// Those that the configuration lists, and the five special ones.
  void add_tokens(TokenizerParts& parts) const {
    const std::string place = (folder_ / "tokenizer_config.json").string() + ": added_tokens_decoder";
    if (const auto listed = settings_.find("added_tokens_decoder"); listed != settings_.end() && listed->is_object()) {
      Json list = Json::array();
      for (const auto& [id, token] : listed->items()) {
        const bool number = !id.empty() && id.size() < 9 && id.find_first_not_of("0123456789") == std::string::npos;
        if (!number || !token.is_object()) fail_input(place, "must be an object of ids to tokens");
        list.push_back(token);
        list.back()["id"] = std::stoi(id);
      }
      parts.added_tokens = read_added_tokens(list, place);
    }
    for (const std::string* content : {&config_.unk, &config_.sep, &config_.pad, &config_.cls, &config_.mask}) {
      const auto known = [&](const AddedToken& token) { return token.content == *content; };
      const auto id = parts.model->token_to_id(*content);
      if (!id || std::any_of(parts.added_tokens.begin(), parts.added_tokens.end(), known)) continue;
      AddedToken token;
      token.id = *id;
      token.content = *content;
      token.normalized = false;
      token.special = true;
      parts.added_tokens.push_back(std::move(token));
    }
  }

  fs::path folder_;
  Json settings_;
  TokenizerConfig config_;
};

}  // namespace

TokenizerParts read_bert_folder(const fs::path& folder) {
  return BertParts(folder).read();
}

}  // namespace hone::text
