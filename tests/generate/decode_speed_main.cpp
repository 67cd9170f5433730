// decode_speed TYPE BITS BATCH ADAPTERS TOKENS [THREADS]: tokens a second of a random decoder of 135 million parameters
// (TYPE float32 or bfloat16; BITS none, nf4 or int8), BATCH answers at once with ADAPTERS different adapters of rank 16
// on every Linear but the head; for bench/serve_adapters.py. Prints JSON; "same": the answers' logits are to the bit
// those that two of them get alone.
#include <ATen/ops/randn.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "generate/engine.h"
#include "tensor/device.h"

namespace {

using namespace hone;

std::unique_ptr<model::Decoder> random_decoder(const std::string& type, const std::string& bits) {
  model::DecoderConfig config;
  config.family = "llama";
  config.vocab_size = 49152;
  config.hidden_size = 576;
  config.intermediate_size = 1536;
  config.num_hidden_layers = 30;
  config.num_attention_heads = 9;
  config.num_key_value_heads = 3;
  config.head_dim = 64;
  config.max_position_embeddings = 2048;
  config.norm_eps = 1e-5;
  config.initializer_range = 0.05;
  config.tie_word_embeddings = true;
  model::DecoderOptions options{.compute_type = type == "float32" ? at::kFloat : at::kBFloat16};
  if (bits != "none") options.quantization = model::Quantization{{tensor::quant_type_from_name(bits, "BITS")}};
  return model::Decoder::random(config, options, 1);
}

std::shared_ptr<const model::AdapterWeights> random_adapter(model::Decoder& decoder) {
  auto adapter = std::make_shared<model::AdapterWeights>();
  const auto type = at::TensorOptions().dtype(decoder.options().compute_type);
  const auto linears = decoder.linears();
  adapter->updates.resize(linears.size());
  for (size_t i = 0; i + 1 < linears.size(); ++i) {
    adapter->updates[i] = model::Lora{at::randn({16, linears[i]->in_features()}, type).mul_(0.05),
                                      at::randn({linears[i]->out_features(), 16}, type).mul_(0.05), 2, 0};
  }
  return adapter;
}

struct Recorder final : generate::Constraint {
  void mask(std::span<float> logits) override { rows.insert(rows.end(), logits.begin(), logits.end()); }
  void accept(int32_t) override {}
  bool may_end() const override { return true; }
  bool finished() const override { return false; }
  std::vector<float> rows;
};

using Requests = std::vector<generate::Request>;

/// Seconds until the first tokens, and of the steps after.
std::pair<double, double> run(model::Decoder& decoder, const text::Tokenizer& tokenizer, const Requests& requests) {
  generate::Engine engine(decoder, tokenizer, {.max_running = requests.size(), .max_prefill = 1 << 20});
  for (const auto& request : requests) engine.add(request);
  const auto now = [] { return std::chrono::steady_clock::now(); };
  const auto begin = now();
  engine.step();
  const auto first = now();
  while (!engine.idle()) engine.step();
  const std::chrono::duration<double> before = first - begin, after = now() - first;
  return {before.count(), after.count()};
}

bool same_alone(model::Decoder& decoder, const text::Tokenizer& tokenizer, Requests requests) {
  const auto record = [&](Requests some) {
    std::vector<std::shared_ptr<Recorder>> recorders;
    for (auto& request : some) {
      request.stop.max_new_tokens = 6;
      request.constraint = recorders.emplace_back(std::make_shared<Recorder>());
    }
    run(decoder, tokenizer, some);
    return recorders;
  };
  const auto together = record(requests);
  for (const size_t i : {size_t{0}, requests.size() - 1}) {
    if (record({requests[i]})[0]->rows != together[i]->rows) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) return 2;
  if (argc > 6) tensor::set_threads(std::atoi(argv[6]));
  const auto decoder = random_decoder(argv[1], argv[2]);
  const text::Tokenizer tokenizer = text::Tokenizer::load(HONE_SOURCE_DIR "/tests/data/tinystories-260k");
  const int batch = std::atoi(argv[3]), adapters = std::atoi(argv[4]), tokens = std::atoi(argv[5]);
  std::vector<std::shared_ptr<const model::AdapterWeights>> loaded;
  for (int i = 0; i < adapters; ++i) loaded.push_back(random_adapter(*decoder));
  Requests requests(static_cast<size_t>(batch));
  for (size_t i = 0; i < requests.size(); ++i) {
    for (size_t t = 0; t < 32; ++t) requests[i].prompt.push_back(static_cast<int32_t>((i * 977 + t * 131) % 49000) + 3);
    requests[i].stop.max_new_tokens = tokens + 1;
    if (!loaded.empty()) requests[i].adapter = loaded[i % loaded.size()];
  }
  const bool same = same_alone(*decoder, tokenizer, requests);  // and a warm-up
  const auto [first, rest] = run(*decoder, tokenizer, requests);
  std::printf("%s\n", to_line({{"prompt_tokens_per_second", batch * 32 / first},
                               {"tokens_per_second", batch * tokens / rest},
                               {"same", same}})
                          .c_str());
  return 0;
}
