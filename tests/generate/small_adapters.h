// Small decoders of each family's kind and adapters for them, for tests of engines.
#pragma once
#include <ATen/ops/randn.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "generate/engine.h"
#include "model/small_model.h"

namespace hone::generate {

inline const std::string kStories = HONE_SOURCE_DIR "/tests/data/tinystories-260k";

inline const text::Tokenizer& story_tokenizer() {
  static const text::Tokenizer tokenizer = text::Tokenizer::load(kStories);
  return tokenizer;
}

inline std::unique_ptr<model::Decoder> small_decoder(model::Likeness likeness, at::ScalarType type = at::kFloat,
                                                     std::optional<model::Quantization> few_bits = std::nullopt) {
  model::DecoderConfig config = model::small_config(likeness);
  config.vocab_size = 512;
  config.max_position_embeddings = 128;
  return model::Decoder::random(config, {.compute_type = type, .quantization = std::move(few_bits)}, 3);
}

/// Of rank `rank` on every Linear but the head, or every other one.
inline std::shared_ptr<model::AdapterWeights> small_adapter(model::Decoder& decoder, int64_t rank, uint64_t seed,
                                                            bool sparse = false) {
  at::manual_seed(seed);
  const at::ScalarType type = decoder.options().compute_type;
  auto adapter = std::make_shared<model::AdapterWeights>();
  const auto linears = decoder.linears();
  adapter->updates.resize(linears.size());
  for (size_t i = 0; i + 1 < linears.size(); i += sparse ? 2 : 1) {
    adapter->updates[i] = model::Lora{model::random_tensor({rank, linears[i]->in_features()}, type, 0.3),
                                      model::random_tensor({linears[i]->out_features(), rank}, type, 0.3), 0.7, 0};
  }
  return adapter;
}

/// Allows everything and keeps the logits that it is shown.
struct Recorder final : Constraint {
  void mask(std::span<float> logits) override { rows.emplace_back(logits.begin(), logits.end()); }
  void accept(int32_t) override {}
  bool may_end() const override { return true; }
  bool finished() const override { return false; }
  std::vector<std::vector<float>> rows;
};

inline std::vector<int32_t> some_prompt(size_t length, uint64_t seed) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < length; ++i) ids.push_back(static_cast<int32_t>((seed * 131 + i * 37 + i * i) % 500) + 3);
  return ids;
}

}  // namespace hone::generate
