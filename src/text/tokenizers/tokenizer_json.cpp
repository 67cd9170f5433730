#include "text/tokenizers/tokenizer_json.h"

#include <simdjson.h>

#include <bitset>

#include "base/strings.h"
#include "text/tokenizers/byte_alphabet.h"
#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/vocabulary.h"

namespace hone::text {
namespace {

// A vocabulary of 100,000 entries would take nlohmann's ordered objects minutes; simdjson reads the
// large parts, and hands the small ones over as text.
namespace dom = simdjson::dom;

Json to_json(dom::element element, const std::string& place) {
  return parse_json(std::string(simdjson::minify(element)), place);
}

/// The field `name` of the document as a Json; null when it is missing.
Json section(dom::object document, const char* name, const std::string& source) {
  dom::element element;
  if (document.at_key(name).get(element)) return nullptr;
  return to_json(element, source + ": " + name);
}

void read_vocab(dom::element element, ModelSpec& spec) {
  const std::string place = spec.place + ".vocab";
  dom::object object;
  if (!element.get(object)) {
    for (const auto& [token, value] : object) {
      int64_t id = 0;
      if (value.get(id) || id < 0 || id > std::numeric_limits<int32_t>::max()) {
        fail_input(place, "the id of \"" + excerpt(token, 40) + "\" must be an integer that is not negative");
      }
      spec.vocab.emplace_back(token, static_cast<int32_t>(id));
    }
    return;
  }
  dom::array list;
  if (element.get(list)) fail_input(place, "must be an object of token to id, or a list of token and score");
  for (const dom::element item : list) {
    std::string_view token;
    double score = 0;
    if (item.at_pointer("/0").get(token) || item.at_pointer("/1").get(score)) {
      fail_input(format("%s[%zu]", place.c_str(), spec.vocab.size()), "must be a token and its score");
    }
    spec.vocab.emplace_back(token, static_cast<int32_t>(spec.vocab.size()));
    spec.scores.push_back(score);
  }
}

/// Either "left right", split at the one blank, or ["left", "right"].
void read_merges(dom::element element, ModelSpec& spec) {
  dom::array list;
  if (element.get(list)) {
    dom::object empty;
    if (!element.get(empty) && empty.size() == 0) return;  // some writers put {} for none
    fail_input(spec.place + ".merges", "must be a list");
  }
  for (const dom::element item : list) {
    const std::string place = spec.place + ".merges";
    const auto fail = [&] {
      fail_input(format("%s[%zu]", place.c_str(), spec.merges.size()), "must be two tokens, \"a b\" or [\"a\", \"b\"]");
    };
    std::string_view text;
    if (!item.get(text)) {
      const size_t blank = text.find(' ');
      if (spec.merges.empty() && text.starts_with("#version")) continue;
      if (blank == std::string_view::npos || text.find(' ', blank + 1) != std::string_view::npos) fail();
      spec.merges.emplace_back(text.substr(0, blank), text.substr(blank + 1));
      continue;
    }
    dom::array pair;
    std::string_view sides[2];
    if (item.get(pair) || pair.size() != 2) fail();
    size_t i = 0;
    for (const dom::element side : pair) {
      if (side.get(sides[i++])) fail();
    }
    spec.merges.emplace_back(sides[0], sides[1]);
  }
}

/// Older files do not name the model's type; its fields tell.
std::string guess_type(const Json& options, const ModelSpec& spec, bool has_merges) {
  if (const auto it = options.find("type"); it != options.end() && it->is_string()) return it->get<std::string>();
  if (has_merges) return "BPE";
  if (!spec.scores.empty()) return "Unigram";
  return options.contains("max_input_chars_per_word") ? "WordPiece" : "WordLevel";
}

/// True when the vocabulary has a token for each of the 256 bytes.
bool covers_bytes(const ModelSpec& spec) {
  std::bitset<256> seen;
  for (const auto& entry : spec.vocab) {
    const std::string_view token = entry.first;
    if (token.empty() || utf8_length(static_cast<unsigned char>(token[0])) != token.size()) continue;
    size_t at = 0;
    if (const int byte = code_to_byte(next_code(token, at)); byte >= 0) seen.set(static_cast<size_t>(byte));
  }
  return seen.all();
}

std::unique_ptr<Model> read_model(dom::element element, const std::string& source, PreTokenizer* pre_tokenizer) {
  ModelSpec spec;
  spec.place = source + ": model";
  dom::object object;
  if (element.get(object)) fail_input(spec.place, "must be an object");
  Json options = Json::object();
  bool has_merges = false;
  for (const auto& [name, value] : object) {
    if (name == "vocab") {
      read_vocab(value, spec);
    } else if (name == "merges") {
      read_merges(value, spec);
      has_merges = true;
    } else {
      options[std::string(name)] = to_json(value, spec.place + "." + std::string(name));
    }
  }
  spec.options = &options;
  spec.type = guess_type(options, spec, has_merges);
  const ModelMaker make = models().at(spec.type, spec.place + ".type").make;
  const auto blank = [&](const char* name) { return field_or<std::string>(options, name, "", spec.place).empty(); };
  if (spec.type == "BPE" && pre_tokenizer && pre_tokenizer->ends_in_byte_level() && covers_bytes(spec) &&
      blank("continuing_subword_prefix") && blank("end_of_word_suffix")) {
    pre_tokenizer->leave_bytes_raw();
    spec.raw_bytes = true;
  }
  return make(spec);
}

}  // namespace

std::vector<AddedToken> read_added_tokens(const Json& list, const std::string& place) {
  std::vector<AddedToken> out;
  if (list.is_null()) return out;
  if (!list.is_array()) fail_input(place, "must be a list");
  for (const Json& item : list) {
    const std::string where = format("%s[%zu]", place.c_str(), out.size());
    AddedToken token;
    token.id = field<int32_t>(item, "id", where);
    token.content = field<std::string>(item, "content", where);
    token.single_word = field_or(item, "single_word", false, where);
    token.lstrip = field_or(item, "lstrip", false, where);
    token.rstrip = field_or(item, "rstrip", false, where);
    token.special = field_or(item, "special", false, where);
    token.normalized = field_or(item, "normalized", !token.special, where);
    if (token.id < 0 || token.id >= Vocabulary::kIdLimit) {
      fail_input(where + ".id", format("is %d, ids lie between 0 and %d", token.id, Vocabulary::kIdLimit - 1));
    }
    out.push_back(std::move(token));
  }
  return out;
}

TokenizerParts read_tokenizer_json(std::string_view document, const std::string& source) {
  dom::parser parser;
  dom::element root;
  if (const auto error = parser.parse(document.data(), document.size()).get(root)) {
    fail_input(source, std::string("is not valid JSON: ") + simdjson::error_message(error),
               "copy the file again from where the model came from");
  }
  dom::object object;
  if (root.get(object)) fail_input(source, "must be a JSON object");
  TokenizerParts parts;
  parts.normalizer = make_normalizer(section(object, "normalizer", source), source + ": normalizer");
  parts.pre_tokenizer = make_pre_tokenizer(section(object, "pre_tokenizer", source), source + ": pre_tokenizer");
  parts.post_processor = make_post_processor(section(object, "post_processor", source), source + ": post_processor");
  parts.decoder = make_decoder(section(object, "decoder", source), source + ": decoder");
  parts.added_tokens = read_added_tokens(section(object, "added_tokens", source), source + ": added_tokens");
  dom::element model;
  if (object.at_key("model").get(model)) {
    fail_input(source, "lacks the section \"model\"", "this is not a tokenizer.json of the tokenizers library");
  }
  parts.model = read_model(model, source, parts.pre_tokenizer.get());
  return parts;
}

}  // namespace hone::text
