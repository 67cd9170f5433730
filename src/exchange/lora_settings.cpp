#include "exchange/lora_settings.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"

namespace hone::exchange {
namespace {

/// Keys of LoraConfig that read_adapter_config applies.
constexpr const char* kApplied[] = {
    "peft_type",        "base_model_name_or_path", "r",          "lora_alpha",          "lora_dropout",
    "target_modules",   "exclude_modules",         "use_rslora", "layers_to_transform", "layers_pattern",
    "rank_pattern",     "alpha_pattern",           "bias",       "modules_to_save",     "ensure_weight_tying",
    "init_lora_weights"};

/// Keys that cannot change what a finished adapter computes: notes about its making, settings of a feature whose
/// own key is judged, of starts that are over, and fan_in_fan_out, which PEFT itself sets as the module needs it.
constexpr const char* kWithoutEffect[] = {"task_type",    "inference_mode", "auto_mapping",   "revision",
                                          "peft_version", "megatron_core",  "loftq_config",   "qalora_group_size",
                                          "eva_config",   "corda_config",   "lora_ga_config", "fan_in_fan_out"};

/// Starts that leave the base's weights as they are; what came of them is an adapter like any other. The others
/// (PiSSA, OLoRA, CorDA, LoftQ, LoRA-GA) move a part of the base into the adapter, MiCA trains A alone.
constexpr const char* kPlainStarts[] = {"true", "false", "gaussian", "eva", "orthogonal"};

template <size_t N>
bool among(const char* const (&list)[N], const std::string& text) {
  return std::any_of(std::begin(list), std::end(list), [&](const char* entry) { return text == entry; });
}

/// Null, false, 0, "", [] and {}: a feature that is not used.
bool is_off(const Json& value) {
  return value.is_null() || (value.is_boolean() && !value.get<bool>()) || (value.is_number() && value == 0) ||
         (value.is_string() && value.get<std::string>().empty()) || (value.is_structured() && value.empty());
}

class ConfigForm {
 public:
  ConfigForm(const Json& json, std::string place) : json_(json), place_(std::move(place)) {}

  [[noreturn]] void refuse(const std::string& key, const std::string& why, const std::string& remedy = "") const {
    fail_input(place_ + ": " + key, why, remedy);
  }
  bool has(const char* key) const { return json_.contains(key) && !json_[key].is_null(); }
  template <typename Value>
  Value value_or(const char* key, Value fallback) const {
    return has(key) ? json_[key].get<Value>() : fallback;
  }
  const Json& at(const char* key) const { return json_.at(key); }

  void check_keys() const {
    for (const auto& [key, value] : json_.items()) {
      if (among(kApplied, key) || among(kWithoutEffect, key) || is_off(value)) continue;
      refuse(key, "is " + excerpt(to_line(value), 80) + ", which cannot be applied",
             "only plain LoRA is read; merge the adapter with PEFT and use the merged model");
    }
  }

  /// A list of names, or one text that is a regular expression.
  void names(const char* key, std::vector<std::string>& list, std::string& pattern) const {
    if (!has(key)) return;
    if (json_[key].is_array())
      list = json_[key].get<std::vector<std::string>>();
    else
      pattern = json_[key].get<std::string>();
  }

  /// A list, or a single value for a list of one.
  template <typename Value>
  std::vector<Value> list(const char* key) const {
    if (!has(key)) return {};
    return json_[key].is_array() ? json_[key].get<std::vector<Value>>() : std::vector<Value>{json_[key].get<Value>()};
  }

  template <typename Value>
  std::vector<std::pair<std::string, Value>> patterns(const char* key) const {
    std::vector<std::pair<std::string, Value>> all;
    if (!has(key)) return all;
    for (const auto& [name, value] : json_[key].items()) all.emplace_back(name, value.template get<Value>());
    return all;
  }

  std::string start() const {
    if (!has("init_lora_weights")) return "true";
    const Json& value = json_["init_lora_weights"];
    std::string start = value.is_boolean() ? (value.get<bool>() ? "true" : "false") : value.get<std::string>();
    if (!among(kPlainStarts, start)) {
      refuse("init_lora_weights", "is \"" + excerpt(start, 40) + "\", a start that cannot be applied",
             "convert it in PEFT: save_pretrained(path_initial_model_for_weight_conversion=…) or merge it there");
    }
    return start;
  }

 private:
  const Json& json_;
  std::string place_;
};

void check_values(const LoraSettings& s, const ConfigForm& form) {
  if (s.r <= 0) form.refuse("r", format("is %ld, expected a positive number", s.r));
  for (const auto& [key, rank] : s.rank_pattern) {
    if (rank <= 0) form.refuse("rank_pattern", format("%s is %ld, expected a positive number", key.c_str(), rank));
  }
  if (!(s.lora_dropout >= 0 && s.lora_dropout < 1)) {
    form.refuse("lora_dropout", format("is %g, expected a number at least 0 and below 1", s.lora_dropout));
  }
  if (s.bias != "none" && s.bias != "all" && s.bias != "lora_only") {
    form.refuse("bias", "is \"" + excerpt(s.bias, 40) + "\", expected none, all or lora_only");
  }
}

}  // namespace

bool is_all_linear(const LoraSettings& settings) {
  return settings.target_modules.size() == 1 && settings.target_modules[0] == "all-linear";
}

void write_adapter_config(const LoraSettings& s, const std::filesystem::path& file) {
  Json config = {{"base_model_name_or_path", s.base_model_name_or_path},
                 {"bias", s.bias},
                 {"fan_in_fan_out", s.fan_in_fan_out},
                 {"inference_mode", true},
                 {"init_lora_weights", s.init_lora_weights},
                 {"layers_pattern", nullptr},
                 {"layers_to_transform", nullptr},
                 {"lora_alpha", s.lora_alpha},
                 {"lora_dropout", s.lora_dropout},
                 {"modules_to_save", nullptr},
                 {"peft_type", "LORA"},
                 {"r", s.r},
                 {"rank_pattern", Json::object()},
                 {"alpha_pattern", Json::object()},
                 {"target_modules", s.target_modules},
                 {"task_type", "CAUSAL_LM"},
                 {"use_dora", false},
                 {"use_rslora", s.use_rslora}};
  if (s.init_lora_weights == "true" || s.init_lora_weights == "false")
    config["init_lora_weights"] = s.init_lora_weights == "true";
  if (s.lora_alpha == std::floor(s.lora_alpha)) config["lora_alpha"] = static_cast<int64_t>(s.lora_alpha);
  for (const auto& [key, value] : s.rank_pattern) config["rank_pattern"][key] = value;
  for (const auto& [key, value] : s.alpha_pattern) config["alpha_pattern"][key] = value;
  if (!s.layers_to_transform.empty()) config["layers_to_transform"] = s.layers_to_transform;
  if (!s.layers_pattern.empty()) config["layers_pattern"] = s.layers_pattern;
  if (!s.modules_to_save.empty()) config["modules_to_save"] = s.modules_to_save;
  if (!s.target_pattern.empty()) config["target_modules"] = s.target_pattern;
  if (is_all_linear(s)) config["target_modules"] = "all-linear";
  // Keys that older versions of PEFT do not know are written where they say something.
  if (!s.exclude_modules.empty()) config["exclude_modules"] = s.exclude_modules;
  if (!s.exclude_pattern.empty()) config["exclude_modules"] = s.exclude_pattern;
  if (s.ensure_weight_tying) config["ensure_weight_tying"] = true;
  write_json(file, config);
}

LoraSettings read_adapter_config(const std::filesystem::path& file) {
  const Json json = read_json(file);
  const ConfigForm form(json, file.string());
  try {
    if (!json.is_object()) fail_input(file.string(), "is not a PEFT adapter configuration: it is no object");
    const auto type = form.value_or<std::string>("peft_type", "");
    if (type != "LORA") form.refuse("peft_type", "is \"" + type + "\"; only LORA adapters can be read so far");
    form.check_keys();
    LoraSettings s;
    s.r = form.at("r").get<int64_t>();
    s.lora_alpha = form.at("lora_alpha").get<double>();
    s.lora_dropout = form.value_or("lora_dropout", 0.0);
    s.use_rslora = form.value_or("use_rslora", false);
    s.bias = form.value_or<std::string>("bias", "none");
    s.modules_to_save = form.value_or<std::vector<std::string>>("modules_to_save", {});
    s.ensure_weight_tying = form.value_or("ensure_weight_tying", false);
    s.init_lora_weights = form.start();
    s.base_model_name_or_path = form.value_or<std::string>("base_model_name_or_path", "");
    if (!form.has("target_modules"))
      form.refuse("target_modules", "is missing: nothing says which modules are adapted");
    form.names("target_modules", s.target_modules, s.target_pattern);
    if (s.target_pattern == "all-linear") s.target_modules = {std::exchange(s.target_pattern, "")};
    form.names("exclude_modules", s.exclude_modules, s.exclude_pattern);
    s.layers_to_transform = form.list<int64_t>("layers_to_transform");
    s.layers_pattern = form.list<std::string>("layers_pattern");
    s.rank_pattern = form.patterns<int64_t>("rank_pattern");
    s.alpha_pattern = form.patterns<double>("alpha_pattern");
    check_values(s, form);
    return s;
  } catch (const nlohmann::json::exception& fault) {
    fail_input(file.string(), std::string("is not a PEFT adapter configuration: ") + fault.what());
  }
}

}  // namespace hone::exchange
