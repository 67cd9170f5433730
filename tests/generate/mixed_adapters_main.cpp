// mixed_adapters MODEL TOKENIZER REQUESTS.json OUT.safetensors: answers requests {"ids", "adapter": a folder or "",
// "tokens"} all in one batch, for tests/parity/test_adapters.py. Writes "ids.N" and "logits.N", one row a token.
#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>

#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "exchange/peft.h"
#include "generate/engine.h"

namespace {

using namespace hone;

/// Allows everything and keeps the logits that it is shown.
struct Recorder final : generate::Constraint {
  void mask(std::span<float> logits) override {
    rows.insert(rows.end(), logits.begin(), logits.end());
    ++count;
  }
  void accept(int32_t) override {}
  bool may_end() const override { return true; }
  bool finished() const override { return false; }
  std::vector<float> rows;
  int64_t count = 0;
};

void run(char** argv) {
  const auto decoder = model::Decoder::load(argv[1], {});
  const text::Tokenizer tokenizer = text::Tokenizer::load(argv[2]);
  generate::Engine engine(*decoder, tokenizer, {.prefill_chunk = 5});
  std::map<std::string, std::shared_ptr<const model::AdapterWeights>> adapters{{"", nullptr}};
  std::map<uint64_t, std::shared_ptr<Recorder>> recorders;
  std::map<uint64_t, std::vector<int64_t>> ids;
  for (const Json& asked : read_json(argv[3])) {
    const std::string folder = asked.at("adapter");
    if (adapters.count(folder) == 0) adapters[folder] = exchange::load_adapter(*decoder, folder);
    generate::Request request;
    request.prompt = asked.at("ids").get<std::vector<int32_t>>();
    request.adapter = adapters[folder];
    request.stop.max_new_tokens = asked.at("tokens");
    const auto recorder = std::make_shared<Recorder>();
    request.constraint = recorder;
    recorders[engine.add(std::move(request))] = recorder;
  }
  while (!engine.idle()) {
    for (const generate::Event& event : engine.step()) ids[event.id].push_back(event.token);
  }
  std::vector<std::pair<std::string, Tensor>> out;
  for (const auto& [id, recorder] : recorders) {
    const std::string number = std::to_string(id - 1);
    out.emplace_back("ids." + number, at::tensor(ids[id]));
    out.emplace_back("logits." + number,
                     at::from_blob(recorder->rows.data(), {recorder->count, decoder->config().vocab_size},
                                   at::TensorOptions().dtype(at::kFloat)));
  }
  model::write_tensors(argv[4], out);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  try {
    run(argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
