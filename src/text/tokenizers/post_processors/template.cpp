#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/post_processors/bracketing.h"

namespace hone::text {
namespace {

std::vector<Bracketing::Token> read_special(const Json& special, const std::string& name, const std::string& place) {
  const auto entry = special.find(name);
  if (entry == special.end())
    fail_input(place, "the template names \"" + name + "\", which special_tokens does not have");
  const std::string where = place + ".special_tokens." + name;
  const Json& ids = list_field(*entry, "ids", where);
  const Json& tokens = list_field(*entry, "tokens", where);
  if (ids.size() != tokens.size()) fail_input(where, "ids and tokens differ in length");
  std::vector<Bracketing::Token> out;
  for (size_t i = 0; i < ids.size(); ++i) {
    out.push_back({json_as<int32_t>(ids[i], where + ".ids"), json_as<std::string>(tokens[i], where + ".tokens")});
  }
  return out;
}

}  // namespace

std::unique_ptr<PostProcessor> make_post_processor_TemplateProcessing(const Json& spec, const std::string& place) {
  const Json no_tokens = Json::object();
  const auto found = spec.find("special_tokens");
  const Json& special = found != spec.end() && found->is_object() ? *found : no_tokens;
  std::vector<Bracketing::Piece> pieces;
  for (const Json& item : list_field(spec, "single", place)) {
    if (item.is_object() && item.contains("Sequence")) {
      const std::string which = field<std::string>(item["Sequence"], "id", place + ".single");
      if (which != "A") fail_input(place + ".single", "sequence \"" + which + "\" in the template for one sequence");
      for (const Bracketing::Piece& piece : pieces) {
        if (piece.sequence) fail_input(place + ".single", "the text stands in it twice");
      }
      pieces.push_back({true, {}});
    } else if (item.is_object() && item.contains("SpecialToken")) {
      const std::string name = field<std::string>(item["SpecialToken"], "id", place + ".single");
      pieces.push_back({false, read_special(special, name, place)});
    } else {
      fail_input(place + ".single", "each item must be {\"Sequence\": …} or {\"SpecialToken\": …}");
    }
  }
  return std::make_unique<Bracketing>(std::move(pieces));
}

std::unique_ptr<PostProcessor> make_post_processor_BertProcessing(const Json& spec, const std::string& place) {
  return make_bracketing(read_token(spec, "cls", place), read_token(spec, "sep", place));
}

}  // namespace hone::text
