#include "model/families/registry.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hone::model {

#define FAMILY(name) void register_##name(Registry<Family>&);
#include "model/families/families.def"
#undef FAMILY

const Registry<Family>& families() {
  static const Registry<Family> all = [] {
    Registry<Family> registry("model family");
#define FAMILY(name) register_##name(registry);
#include "model/families/families.def"
#undef FAMILY
    return registry;
  }();
  return all;
}

ConfigReader::ConfigReader(const Json& json, std::string place) : json_(json), place_(std::move(place)) {
  if (!json_.is_object()) fail_input(place_, "is not a JSON object", "this must be a model's config.json");
}

void ConfigReader::fail(const char* key, const std::string& problem, const std::string& remedy) const {
  fail_input(place_ + ": " + key, problem, remedy);
}

int64_t ConfigReader::positive(const char* key) const {
  if (!json_.contains(key)) fail(key, "is missing");
  const auto& value = json_[key];
  if (!value.is_number_integer() || value.get<int64_t>() <= 0)
    fail(key, "is " + value.dump() + ", expected a positive integer");
  // Products of these are allocation sizes; anything larger is a broken file, not a model.
  if (value.get<int64_t>() > (int64_t{1} << 28)) fail(key, "is " + value.dump() + ", a size that no model has");
  return value.get<int64_t>();
}

int64_t ConfigReader::positive_or(const char* key, int64_t fallback) const {
  return json_.contains(key) && !json_[key].is_null() ? positive(key) : fallback;
}

int64_t ConfigReader::count_or(const char* key, int64_t fallback) const {
  return json_.contains(key) && json_[key] == 0 ? 0 : positive_or(key, fallback);
}

int64_t ConfigReader::even_share(const char* key, int64_t whole, int64_t parts) const {
  if (whole % parts != 0) fail(key, format("is %ld, which does not divide the hidden size %ld", parts, whole));
  return whole / parts;
}

tensor::Activation ConfigReader::activation(const char* key, const std::string& fallback) const {
  return tensor::activation_from_name(text_or(key, fallback), place_ + ": " + key);
}

double ConfigReader::number_or(const char* key, double fallback) const {
  if (!json_.contains(key) || json_[key].is_null()) return fallback;
  if (!json_[key].is_number()) fail(key, "is " + json_[key].dump() + ", expected a number");
  return json_[key].get<double>();
}

bool ConfigReader::flag_or(const char* key, bool fallback) const {
  if (!json_.contains(key) || json_[key].is_null()) return fallback;
  if (!json_[key].is_boolean()) fail(key, "is " + json_[key].dump() + ", expected true or false");
  return json_[key].get<bool>();
}

std::string ConfigReader::text_or(const char* key, const std::string& fallback) const {
  if (!json_.contains(key) || json_[key].is_null()) return fallback;
  if (!json_[key].is_string()) fail(key, "is " + json_[key].dump() + ", expected text");
  return json_[key].get<std::string>();
}

RopeConfig ConfigReader::rope() const {
  RopeConfig rope;
  rope.theta = number_or("rope_theta", 10000);
  const char* key = json_.contains("rope_parameters") ? "rope_parameters" : "rope_scaling";
  if (!json_.contains(key) || json_[key].is_null()) return rope;
  const ConfigReader inner(json_[key], place_ + ": " + key);
  rope.theta = inner.number_or("rope_theta", rope.theta);
  rope.type = inner.text_or("rope_type", inner.text_or("type", "default"));
  rope.factor = inner.number_or("factor", 1);
  rope.original_max_position_embeddings = inner.positive_or("original_max_position_embeddings", 0);
  rope.low_freq_factor = inner.number_or("low_freq_factor", 1);
  rope.high_freq_factor = inner.number_or("high_freq_factor", 4);
  rope.beta_fast = inner.number_or("beta_fast", 32);
  rope.beta_slow = inner.number_or("beta_slow", 1);
  rope.attention_factor = inner.number_or("attention_factor", 0);
  rope.mscale = inner.number_or("mscale", 0);
  rope.mscale_all_dim = inner.number_or("mscale_all_dim", 0);
  rope.truncate = inner.flag_or("truncate", true);
  const std::vector<std::string> known = {"default", "linear", "dynamic", "yarn", "llama3"};
  if (std::find(known.begin(), known.end(), rope.type) == known.end()) {
    fail(key, "has rope_type \"" + rope.type + "\", which is not supported; known: " + join(known, ", "));
  }
  if (!(rope.theta > 0) || !(rope.factor > 0)) fail(key, "has a rope_theta or factor that is not positive");
  return rope;
}

std::vector<int32_t> ConfigReader::token_ids(const char* key) const {
  std::vector<int32_t> ids;
  if (!json_.contains(key) || json_[key].is_null()) return ids;
  const auto& value = json_[key];
  const auto add = [&](const Json& id) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() > INT32_MAX)
      fail(key, "is " + value.dump() + ", expected token ids");
    ids.push_back(id.get<int32_t>());
  };
  if (value.is_array()) {
    for (const auto& id : value) add(id);
  } else {
    add(value);
  }
  return ids;
}

}  // namespace hone::model
