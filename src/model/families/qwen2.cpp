// Qwen2 and Qwen2.5 (Yang et al. 2024): Llama's architecture with biases on queries, keys and values.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "model/families/llama_like.h"

namespace hone::model {
namespace {

/// Layers from max_window_layers on (or those that layer_types names) look back sliding_window tokens alone, which no
/// sequence notices that is not longer.
void refuse_sliding_window(const ConfigReader& reader, const Json& json, const DecoderConfig& config) {
  if (!reader.flag_or("use_sliding_window", false)) return;
  const int64_t window = reader.positive_or("sliding_window", 0);
  if (window == 0 || window >= config.max_position_embeddings) return;
  const int64_t full_layers = reader.count_or("max_window_layers", 28);
  bool slides = full_layers < config.num_hidden_layers;
  if (json.contains("layer_types") && json["layer_types"].is_array()) {
    slides = std::any_of(json["layer_types"].begin(), json["layer_types"].end(),
                         [](const Json& type) { return type == "sliding_attention"; });
  }
  if (slides) {
    reader.fail("use_sliding_window",
                format("is true: some layers see %ld of %ld positions, which is not supported", window,
                       config.max_position_embeddings),
                format("set it to false if your sequences stay within %ld tokens", window));
  }
}

DecoderConfig read(const Json& json, const std::string& place) {
  const ConfigReader reader(json, place);
  DecoderConfig config = read_llama_like(reader, "qwen2");
  config.max_position_embeddings = reader.positive_or("max_position_embeddings", 32768);
  config.qkv_bias = true;
  refuse_sliding_window(reader, json, config);
  return config;
}

}  // namespace

void register_qwen2(Registry<Family>& registry) {
  registry.add({"qwen2", "Qwen2 and Qwen2.5", {{"Qwen2ForCausalLM", "Qwen2Model"}, {"qwen2"}, read, llama_names()}});
}

}  // namespace hone::model
