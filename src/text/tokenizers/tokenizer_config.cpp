#include "text/tokenizers/tokenizer_config.h"

#include "base/file.h"
#include "text/tokenizers/json_fields.h"

namespace hone::text {
namespace {

/// "<s>" or {"content": "<s>", …}; "" for null or nothing.
std::string token_of(const Json& config, const char* name, const std::string& place) {
  const auto it = config.find(name);
  if (it == config.end() || it->is_null()) return "";
  return it->is_object() ? field<std::string>(*it, "content", place + ": " + name)
                         : json_as<std::string>(*it, place + ": " + name);
}

/// A string, or a list of {"name", "template"} of which "default" is the one for chats.
std::optional<std::string> template_of(const Json& config, const std::string& place) {
  const auto it = config.find("chat_template");
  if (it == config.end() || it->is_null()) return std::nullopt;
  if (!it->is_array()) return json_as<std::string>(*it, place + ": chat_template");
  for (const Json& item : *it) {
    if (field<std::string>(item, "name", place + ": chat_template") == "default") {
      return field<std::string>(item, "template", place + ": chat_template");
    }
  }
  return std::nullopt;
}

}  // namespace

TokenizerConfig read_tokenizer_config(const std::filesystem::path& folder) {
  TokenizerConfig out;
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    const std::filesystem::path path = folder / name;
    if (!std::filesystem::exists(path)) continue;
    const Json config = read_json(path);
    if (!config.is_object()) fail_input(path.string(), "must be a JSON object");
    const auto take = [&](std::string& into, const char* field_name) {
      if (into.empty()) into = token_of(config, field_name, path.string());
    };
    take(out.bos, "bos_token");
    take(out.eos, "eos_token");
    take(out.pad, "pad_token");
    take(out.unk, "unk_token");
    take(out.cls, "cls_token");
    take(out.sep, "sep_token");
    take(out.mask, "mask_token");
    if (!out.chat_template) out.chat_template = template_of(config, path.string());
  }
  const std::filesystem::path jinja = folder / "chat_template.jinja";
  if (std::filesystem::exists(jinja)) out.chat_template = read_file(jinja);
  return out;
}

}  // namespace hone::text
