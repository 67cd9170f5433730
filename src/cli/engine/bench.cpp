// hone bench train: what one training step costs on this machine, on random tokens of given lengths.
// The whole step is measured: forward, loss, backward, clipping, optimiser.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/random.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/engine/engine_options.h"
#include "model/head_loss.h"
#include "tensor/device.h"
#include "tune/dataset.h"
#include "tune/method.h"
#include "tune/optimizers/optimizer.h"

namespace hone::cli {
namespace {

struct Options {
  ModelChoice choice;
  std::string method = "lora", optim = "adamw", lengths = "512";
  exchange::LoraSettings lora{.r = 16, .lora_alpha = 32, .target_modules = {"all-linear"}};
  double trained_share = 1;
  int64_t steps = 10, warm_up = 2;
  uint64_t seed = 42;
  bool recompute = false;
};

tune::Examples random_examples(const Options& options, int64_t vocab_size) {
  tune::Examples examples;
  for (const std::string& length : split(options.lengths, ',')) {
    const int64_t count = std::strtol(length.c_str(), nullptr, 10);
    if (count < 2 || count > 1 << 20) fail_input("--lengths", "\"" + length + "\" is not a length of 2 or more tokens");
    RandomStream random(options.seed, examples.size());
    text::EncodedExample example;
    for (int64_t i = 0; i < count; ++i) {
      example.ids.push_back(static_cast<int32_t>(random.below(static_cast<uint64_t>(vocab_size))));
      example.trained.push_back(static_cast<double>(i) >= static_cast<double>(count) * (1 - options.trained_share));
    }
    examples.push_back(std::move(example));
  }
  return examples;
}

void run(const Options& options) {
  const auto decoder = load_model(options.choice);
  tune::MethodOptions method_options{.lora = options.lora, .seed = options.seed, .base_folder = options.choice.model};
  const auto method = tune::methods().at(options.method, "--method").make.make(*decoder, method_options);
  const auto parameters = method->trainable();
  const auto optimizer =
      tune::optimizer_named(options.optim, "--optim").make.make(tune::trained_tensors(parameters, *decoder), {});
  const tune::Examples examples = random_examples(options, decoder->config().vocab_size);
  std::vector<uint32_t> all(examples.size());
  for (uint32_t i = 0; i < all.size(); ++i) all[i] = i;
  const tune::MicroBatch micro = tune::make_micro_batch(examples, all, decoder->options().device);

  std::vector<double> seconds, losses;
  for (int64_t step = 0; step < options.warm_up + options.steps; ++step) {
    const auto begin = std::chrono::steady_clock::now();
    model::StepContext context{
        .training = true, .dropout_key = static_cast<uint64_t>(step), .recompute = options.recompute};
    const auto loss = model::head_loss(*decoder, decoder->hidden(micro.batch, context), micro.targets, context,
                                       {.weight = 1.0 / static_cast<double>(micro.trained)});
    loss.loss.backward();
    tune::clip_gradients(parameters, 1.0);
    optimizer->step(1e-4);
    for (const auto& [name, parameter] : parameters) parameter.mutable_grad() = Tensor();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    losses.push_back(loss.nll_sum / static_cast<double>(micro.trained));
    if (step >= options.warm_up) seconds.push_back(took.count());
  }
  std::vector<double> sorted = seconds;
  std::sort(sorted.begin(), sorted.end());
  const double median = sorted[sorted.size() / 2];
  const Json report = {{"tokens", micro.tokens},
                       {"steps", seconds},
                       {"median_seconds", median},
                       {"tokens_per_second", static_cast<double>(micro.tokens) / median},
                       {"best_tokens_per_second", static_cast<double>(micro.tokens) / sorted.front()},
                       {"losses", losses},
                       {"peak_memory_bytes", tensor::peak_memory_bytes(decoder->options().device)},
                       {"compute_dtype", tensor::dtype_name(decoder->options().compute_type)},
                       {"machine", tensor::processor_summary(decoder->options().device)}};
  std::printf("%s\n", to_line(report).c_str());
}

}  // namespace

void set_up_bench(CLI::App& app) {
  app.require_subcommand(1);
  CLI::App& train = *app.add_subcommand("train", "Time training steps on random tokens; prints one JSON document");
  auto options = std::make_shared<Options>();
  add_model_options(train, options->choice);
  train.add_option("--method", options->method, "lora or full")->capture_default_str();
  train.add_option("--optim", options->optim, "Optimiser (hone list optimizers)")->capture_default_str();
  train
      .add_option("--lengths", options->lengths, "Lengths of the sequences of one step, in tokens, separated by commas")
      ->capture_default_str();
  train.add_option("--r", options->lora.r, "Rank of the adapters")->capture_default_str();
  train.add_option("--lora-alpha", options->lora.lora_alpha, "Scaling numerator")->capture_default_str();
  train.add_option("--lora-dropout", options->lora.lora_dropout, "Dropout on the adapters' input")
      ->capture_default_str();
  train.add_option("--trained-share", options->trained_share, "Share of the tokens that carry loss")
      ->check(CLI::Range(0.01, 1.0))
      ->capture_default_str();
  train.add_option("--steps", options->steps, "Steps that are timed")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  train.add_option("--warm-up", options->warm_up, "Steps before that")->capture_default_str();
  train.add_flag("--gradient-checkpointing", options->recompute, "Repeat each block's forward in its backward");
  train.callback([options] { run(*options); });
}

}  // namespace hone::cli
