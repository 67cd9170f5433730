#include "exchange/peft.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/pattern.h"
#include "base/random.h"
#include "base/strings.h"
#include "model/checkpoint.h"

namespace hone::exchange {
namespace {

using model::Decoder;
using model::Linear;
using model::Lora;

constexpr const char* kPrefix = "base_model.model.";

/// PEFT's rule for a list of targets: the whole name, or its end after a dot.
bool ends_as(const std::string& name, const std::string& target) {
  return name == target || ends_with(name, "." + target);
}

int64_t layer_of(const std::string& name) {
  const std::vector<std::string> parts = split(name, '.');
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    if (parts[i] == "layers" || parts[i] == "h") return std::stoll(parts[i + 1]);
  }
  return -1;
}

std::vector<Linear*> targets(Decoder& decoder, const LoraSettings& settings) {
  const bool all_linear = settings.target_modules.size() == 1 && settings.target_modules[0] == "all-linear";
  std::vector<Linear*> chosen;
  const std::vector<Linear*> all = decoder.linears();
  for (Linear* linear : all) {
    bool wanted = false;
    if (!settings.target_pattern.empty()) {
      wanted = Pattern(settings.target_pattern, "lora.target_modules").matches_all(linear->name);
    } else if (all_linear) {
      wanted = linear != all.back();  // the head stays as it is, as in PEFT
    } else {
      wanted = std::any_of(settings.target_modules.begin(), settings.target_modules.end(),
                           [&](const std::string& target) { return ends_as(linear->name, target); });
    }
    if (wanted && !settings.layers_to_transform.empty()) {
      const auto& layers = settings.layers_to_transform;
      wanted = std::find(layers.begin(), layers.end(), layer_of(linear->name)) != layers.end();
    }
    if (wanted) chosen.push_back(linear);
  }
  return chosen;
}

void check_targets(Decoder& decoder, const LoraSettings& settings, const std::vector<Linear*>& chosen) {
  std::vector<std::string> known;
  for (const Linear* linear : decoder.linears()) {
    const std::string last = split(linear->name, '.').back();
    if (std::find(known.begin(), known.end(), last) == known.end()) known.push_back(last);
  }
  for (const std::string& target : settings.target_modules) {
    const bool used = target == "all-linear" || std::any_of(chosen.begin(), chosen.end(), [&](const Linear* linear) {
                        return ends_as(linear->name, target);
                      });
    if (!used) {
      fail_input("lora.target_modules", "\"" + target + "\" is no module of this model;" + did_you_mean(target, known) +
                                            " known: " + join(known, ", ") + ", all-linear");
    }
  }
  if (chosen.empty()) fail_input("lora.target_modules", "matches no module of this model; known: " + join(known, ", "));
}

/// The value of the last pattern that fits `name`, or `fallback`; keys are matched as PEFT does.
template <typename Value>
Value pattern_value(const std::map<std::string, Value>& patterns, const std::string& name, Value fallback) {
  for (const auto& [key, value] : patterns) {
    if (Pattern("(?:.*\\.)?(?:" + key + ")", "lora: pattern \"" + key + "\"").matches_all(name)) return value;
  }
  return fallback;
}

double scaling_of(const LoraSettings& settings, const std::string& name, int64_t r) {
  const double alpha = pattern_value(settings.alpha_pattern, name, settings.lora_alpha);
  return settings.use_rslora ? alpha / std::sqrt(static_cast<double>(r)) : alpha / static_cast<double>(r);
}

Json to_config(const LoraSettings& s) {
  Json config = {{"base_model_name_or_path", s.base_model_name_or_path},
                 {"bias", "none"},
                 {"fan_in_fan_out", false},
                 {"inference_mode", true},
                 {"init_lora_weights", true},
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
  if (s.lora_alpha == std::floor(s.lora_alpha)) config["lora_alpha"] = static_cast<int64_t>(s.lora_alpha);
  for (const auto& [key, value] : s.rank_pattern) config["rank_pattern"][key] = value;
  for (const auto& [key, value] : s.alpha_pattern) config["alpha_pattern"][key] = value;
  if (!s.layers_to_transform.empty()) config["layers_to_transform"] = s.layers_to_transform;
  if (!s.target_pattern.empty()) config["target_modules"] = s.target_pattern;
  if (s.target_modules.size() == 1 && s.target_modules[0] == "all-linear") config["target_modules"] = "all-linear";
  return config;
}

LoraSettings from_config(const Json& config, const std::string& place) {
  const auto refuse = [&](const std::string& key, const std::string& why) { fail_input(place + ": " + key, why); };
  try {
    const std::string type = config.value("peft_type", "");
    if (type != "LORA") refuse("peft_type", "is \"" + type + "\"; only LORA adapters can be read so far");
    for (const char* key : {"use_dora", "fan_in_fan_out", "lora_bias"}) {
      if (config.contains(key) && config[key].is_boolean() && config[key].get<bool>())
        refuse(key, "is true, which cannot be applied so far");
    }
    if (config.contains("modules_to_save") && config["modules_to_save"].is_array() &&
        !config["modules_to_save"].empty()) {
      refuse("modules_to_save", "is not empty, which cannot be applied so far");
    }
    if (const std::string bias = config.value("bias", "none"); bias != "none")
      refuse("bias", "is \"" + bias + "\", which cannot be applied so far");
    LoraSettings s;
    s.r = config.at("r").get<int64_t>();
    s.lora_alpha = config.at("lora_alpha").get<double>();
    s.lora_dropout = config.value("lora_dropout", 0.0);
    s.use_rslora = config.value("use_rslora", false);
    s.base_model_name_or_path =
        config.contains("base_model_name_or_path") && config["base_model_name_or_path"].is_string()
            ? config["base_model_name_or_path"].get<std::string>()
            : "";
    const auto& modules = config.at("target_modules");
    if (modules.is_array())
      s.target_modules = modules.get<std::vector<std::string>>();
    else if (modules == "all-linear")
      s.target_modules = {"all-linear"};
    else
      s.target_pattern = modules.get<std::string>();
    if (config.contains("layers_to_transform") && !config["layers_to_transform"].is_null()) {
      const auto& layers = config["layers_to_transform"];
      s.layers_to_transform =
          layers.is_array() ? layers.get<std::vector<int64_t>>() : std::vector<int64_t>{layers.get<int64_t>()};
    }
    if (config.contains("rank_pattern") && config["rank_pattern"].is_object()) {
      for (const auto& [key, value] : config["rank_pattern"].items()) s.rank_pattern[key] = value.get<int64_t>();
    }
    if (config.contains("alpha_pattern") && config["alpha_pattern"].is_object()) {
      for (const auto& [key, value] : config["alpha_pattern"].items()) s.alpha_pattern[key] = value.get<double>();
    }
    if (s.r <= 0) refuse("r", format("is %ld, expected a positive number", s.r));
    return s;
  } catch (const nlohmann::json::exception& fault) {
    fail_input(place, std::string("is not a PEFT adapter configuration: ") + fault.what());
  }
}

}  // namespace

std::vector<std::string> attach_lora(Decoder& decoder, const LoraSettings& settings, uint64_t seed) {
  const std::vector<Linear*> chosen = targets(decoder, settings);
  check_targets(decoder, settings, chosen);
  std::vector<std::string> names;
  const auto fp32 = at::TensorOptions().dtype(at::kFloat);
  for (Linear* linear : chosen) {
    if (linear == decoder.linears().back() && decoder.config().tie_word_embeddings) {
      fail_input(
          "lora.target_modules",
          "\"" + linear->name + "\" shares its weight with the embedding; adapting it would change both on merging",
          "leave it out of target_modules");
    }
    const int64_t r = pattern_value(settings.rank_pattern, linear->name, settings.r);
    Tensor a = at::empty({r, linear->in_features()}, fp32);
    const double bound = 1 / std::sqrt(static_cast<double>(linear->in_features()));
    RandomStream random(seed, hash64(linear->name));
    auto* values = a.mutable_data_ptr<float>();
    for (int64_t i = 0; i < a.numel(); ++i) values[i] = static_cast<float>(bound * (2 * random.uniform() - 1));
    Tensor b = at::zeros({linear->out_features(), r}, fp32);
    const auto device = linear->weight.device();
    linear->lora = Lora{a.to(device).set_requires_grad(true), b.to(device).set_requires_grad(true),
                        scaling_of(settings, linear->name, r), settings.lora_dropout};
    names.push_back(linear->name);
  }
  return names;
}

std::vector<std::pair<std::string, Tensor>> lora_tensors(Decoder& decoder) {
  std::vector<std::pair<std::string, Tensor>> all;
  for (Linear* linear : decoder.linears()) {
    if (!linear->lora) continue;
    all.emplace_back(kPrefix + linear->name + ".lora_A.weight", linear->lora->lora_A);
    all.emplace_back(kPrefix + linear->name + ".lora_B.weight", linear->lora->lora_B);
  }
  return all;
}

void write_peft(Decoder& decoder, const LoraSettings& settings, const std::filesystem::path& folder) {
  model::write_tensors(folder / "adapter_model.safetensors", lora_tensors(decoder));
  write_json(folder / "adapter_config.json", to_config(settings));
}

LoraSettings read_peft(Decoder& decoder, const std::filesystem::path& folder, bool trainable) {
  const auto config_path = folder / "adapter_config.json";
  const LoraSettings settings = from_config(read_json(config_path), config_path.string());
  const model::Checkpoint checkpoint = model::Checkpoint::from_file(folder / "adapter_model.safetensors");
  size_t used = 0;
  for (Linear* linear : decoder.linears()) {
    const std::string stem = kPrefix + linear->name;
    if (!checkpoint.has(stem + ".lora_A.weight")) continue;
    const int64_t r = pattern_value(settings.rank_pattern, linear->name, settings.r);
    const auto read = [&](const char* part, const std::vector<int64_t>& shape) {
      return checkpoint.tensor(stem + part, shape)
          .to(linear->weight.device(), at::kFloat)
          .clone()
          .set_requires_grad(trainable);
    };
    linear->lora =
        Lora{read(".lora_A.weight", {r, linear->in_features()}), read(".lora_B.weight", {linear->out_features(), r}),
             scaling_of(settings, linear->name, r), settings.lora_dropout};
    used += 2;
  }
  if (used != checkpoint.names().size()) {
    std::vector<std::string> known;
    for (const auto& [name, tensor] : lora_tensors(decoder)) known.push_back(name);
    for (const std::string& name : checkpoint.names()) {
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        fail_input((folder / "adapter_model.safetensors").string(),
                   "tensor " + name + " belongs to no module of this model",
                   "use the base model that the adapter was trained on" +
                       (settings.base_model_name_or_path.empty() ? "" : ": " + settings.base_model_name_or_path));
      }
    }
  }
  return settings;
}

MergeReport merge_lora(Decoder& decoder, bool safe) {
  MergeReport report;
  std::vector<std::pair<Linear*, Tensor>> merged;
  for (Linear* linear : decoder.linears()) {
    if (!linear->lora) continue;
    const Tensor delta =
        at::mm(linear->lora->lora_B.detach(), linear->lora->lora_A.detach()).mul_(linear->lora->scaling);
    // Not in place: a weight stored in fp32 is a view into the read-only file.
    const Tensor weight = linear->weight.detach().to(at::kFloat).add(delta).to(linear->weight.scalar_type());
    if (safe && !at::isfinite(weight).all().item<bool>()) {
      fail_work(linear->name, "merging the adapter gives a weight that is not finite",
                "the adapter is broken; use an earlier checkpoint");
    }
    report.largest_change = std::max(report.largest_change, static_cast<double>(delta.abs().max().item<float>()));
    merged.emplace_back(linear, weight);
  }
  for (auto& [linear, weight] : merged) {
    linear->weight = weight;
    linear->lora.reset();
  }
  report.modules = static_cast<int64_t>(merged.size());
  return report;
}

}  // namespace hone::exchange
