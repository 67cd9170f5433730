// hone embed: vectors of texts, a line in and a line out, from the encoders that sentence-transformers publishes.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/engine/engine_options.h"
#include "model/checkpoint.h"
#include "model/encoder.h"
#include "tensor/device.h"
#include "text/tokenizer.h"

namespace hone::cli {
namespace {

struct Options {
  ModelChoice model;
  std::string output;
  bool ids = false;
  size_t batch = 32;
};

std::vector<int32_t> ids_of(const std::string& line, int64_t vocab_size, const std::string& place) {
  const Json record = parse_json(line, place);
  if (!record.is_object() || !record.contains("ids") || !record["ids"].is_array() || record["ids"].empty()) {
    fail_input(place, "the line has no list \"ids\"", "write {\"ids\": [1, 2, 3]}, or leave --ids out for texts");
  }
  std::vector<int32_t> ids;
  for (const Json& id : record["ids"]) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() >= vocab_size) {
      fail_input(place,
                 format("\"ids\" holds %s, the model knows ids below %ld", excerpt(id.dump(), 40).c_str(), vocab_size));
    }
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

/// With the tokens that the model's template puts around it; one that is too long loses its end, but not the last of
/// these.
std::vector<int32_t> encoded(const text::Tokenizer& tokenizer, const std::string& text, int64_t max_length) {
  std::vector<int32_t> ids = tokenizer.encode(text, {.add_special_tokens = true, .parse_special_tokens = false});
  if (static_cast<int64_t>(ids.size()) <= max_length) return ids;
  const int32_t last = ids.back();
  ids.resize(static_cast<size_t>(max_length));
  if (tokenizer.is_special(last)) ids.back() = last;
  return ids;
}

class Embedder {
 public:
  explicit Embedder(const Options& options) : options_(options) {
    // The text side first: what is wrong there shows before weights are read.
    if (!options.ids) tokenizer_.emplace(text::Tokenizer::load(options.model.model));
    tensor::set_threads(options.model.threads);
    const c10::Device device = tensor::device_from_name(options.model.device);
    encoder_ = model::Encoder::load(options.model.model, {.compute_type = tensor::compute_dtype_from_name(
                                                              options.model.compute_dtype, "--compute-dtype", device),
                                                          .device = device});
  }

  void add(const std::string& line, const std::string& place) {
    const model::EncoderConfig& config = encoder_->config();
    waiting_.push_back(options_.ids ? ids_of(line, config.blocks.vocab_size, place)
                                    : encoded(*tokenizer_, line, config.max_length));
    if (waiting_.back().empty()) fail_input(place, "gives no token", "write some text");
    if (waiting_.size() >= options_.batch) flush();
  }

  /// Vectors of what waits: lines on standard output, or kept for the file.
  void flush() {
    if (waiting_.empty()) return;
    const at::NoGradGuard no_grad;
    const auto batch = model::pack({waiting_.begin(), waiting_.end()}, encoder_->options().device);
    const Tensor vectors = encoder_->embed(batch).cpu().contiguous();
    waiting_.clear();
    if (!options_.output.empty()) {
      kept_.push_back(vectors);
      return;
    }
    const auto* values = vectors.const_data_ptr<float>();
    for (int64_t row = 0; row < vectors.size(0); ++row, values += vectors.size(1)) {
      std::cout << to_line({{"embedding", std::vector<float>(values, values + vectors.size(1))}}) << '\n';
    }
    std::cout.flush();
    if (!std::cout) fail_work("standard output", "writing failed");
  }

  void write() {
    if (options_.output.empty()) return;
    if (kept_.empty()) fail_input("standard input", "holds no line", "give a text a line");
    model::write_tensors(options_.output, {{"embeddings", at::cat(kept_)}});
  }

 private:
  const Options& options_;
  std::optional<text::Tokenizer> tokenizer_;
  std::unique_ptr<model::Encoder> encoder_;
  std::vector<std::vector<int32_t>> waiting_;
  std::vector<Tensor> kept_;
};

void run(const Options& options) {
  Embedder embedder(options);
  std::string line;
  for (uint64_t number = 1; std::getline(std::cin, line); ++number) {
    embedder.add(line, format("standard input:%lu", number));
  }
  embedder.flush();
  embedder.write();
}

}  // namespace

void set_up_embed(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->model.compute_dtype = "float32";  // vectors are compared with stored ones
  app.add_option("--model", options->model.model, "Folder of a BERT encoder (config.json, safetensors)")
      ->required()
      ->type_name("DIR");
  app.add_flag("--ids", options->ids, "Lines are {\"ids\": […]}, as `hone tokenize --add-special-tokens` writes them");
  app.add_option("--output", options->output, "safetensors file for `embeddings` [N, D], instead of lines")
      ->type_name("FILE");
  app.add_option("--batch", options->batch, "Texts computed at once")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  add_compute_options(app, options->model);
  app.callback([options] { run(*options); });
}

}  // namespace hone::cli
