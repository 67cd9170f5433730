#include "model/config.h"

#include <nlohmann/json.hpp>

#include "model/families/registry.h"

namespace hone::model {
namespace {

const Registry<Family>::Entry& find_family(const Json& json, const std::string& place) {
  const ConfigReader reader(json, place);
  std::string wanted = reader.text_or("model_type", "");
  if (json.contains("architectures") && json["architectures"].is_array() && !json["architectures"].empty() &&
      json["architectures"][0].is_string()) {
    wanted = json["architectures"][0].get<std::string>();
  }
  std::vector<std::string> known;
  for (const auto& entry : families().entries()) {
    for (const auto& name : entry.make.architectures) {
      if (name == wanted) return entry;
      known.push_back(name);
    }
    for (const auto& name : entry.make.model_types) {
      if (name == wanted) return entry;
    }
  }
  fail_input(place + ": architectures",
             wanted.empty() ? "is missing, and so is model_type"
                            : "\"" + wanted + "\" is not a known architecture;" + did_you_mean(wanted, known) +
                                  " known: " + join(known, ", "),
             "use a model of a known family, or add one (README: how to add a family)");
}

void check(const DecoderConfig& config, const std::string& place) {
  if (config.num_attention_heads % config.num_key_value_heads != 0) {
    fail_input(place + ": num_key_value_heads", format("%ld does not divide num_attention_heads %ld",
                                                       config.num_key_value_heads, config.num_attention_heads));
  }
  if (config.head_dim < 1) {
    fail_input(place + ": num_attention_heads", format("is %ld, more than hidden_size %ld has room for",
                                                       config.num_attention_heads, config.hidden_size));
  }
  if (config.positions == PositionKind::kRotary && config.head_dim % 2 != 0)
    fail_input(place + ": head_dim", format("is %ld; rotary positions need an even number", config.head_dim));
}

}  // namespace

const Family& family_named(const std::string& name) {
  return families().at(name, "family").make;
}

DecoderConfig config_from_json(const Json& json, const std::string& place) {
  DecoderConfig config = find_family(json, place).make.read_config(json, place);
  const ConfigReader reader(json, place);
  config.dtype = reader.text_or("dtype", reader.text_or("torch_dtype", ""));
  config.eos_token_ids = reader.token_ids("eos_token_id");
  check(config, place);
  return config;
}

DecoderConfig read_config(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder)) {
    fail_input(folder.string(), "is not a model folder", "give a folder that holds config.json and safetensors files");
  }
  const auto path = folder / "config.json";
  DecoderConfig config = config_from_json(read_json(path), path.string());
  const auto generation = folder / "generation_config.json";
  if (std::filesystem::exists(generation)) {
    const Json json = read_json(generation);
    const auto ids = ConfigReader(json, generation.string()).token_ids("eos_token_id");
    if (!ids.empty()) config.eos_token_ids = ids;
  }
  return config;
}

}  // namespace hone::model
