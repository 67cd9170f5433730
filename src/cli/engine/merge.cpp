// hone merge: an adapter into its base model, as a model folder of its own.
#include "exchange/merge.h"

#include <ATen/core/grad_mode.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "cli/command.h"
#include "cli/engine/engine_options.h"
#include "model/checkpoint.h"
#include "tensor/device.h"

namespace hone::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  ModelChoice model;
  std::string output, dtype;
  bool json = false;
};

/// Logits of a fixed sequence that touches ids all over the vocabulary.
Tensor probe(model::Decoder& decoder) {
  const at::NoGradGuard no_grad;
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < 16; ++i) ids.push_back(static_cast<int32_t>((i * 7919 + 1) % decoder.config().vocab_size));
  const auto batch = model::pack({ids}, decoder.options().device);
  return decoder.logits(decoder.hidden(batch, {})).to(at::kFloat).cpu();
}

/// The type of the stored weights: as asked, else as the base model has them.
at::ScalarType stored_type(const Options& options, const model::DecoderConfig& config) {
  const std::string name = !options.dtype.empty() ? options.dtype : config.dtype.empty() ? "float32" : config.dtype;
  return tensor::dtype_from_name(name, options.dtype.empty() ? options.model.model + "/config.json: dtype" : "--dtype");
}

void check_folders(const Options& options) {
  require_exists(options.model.model, "model folder");
  require_exists(options.model.adapter, "adapter folder");
  for (const std::string& input : {options.model.model, options.model.adapter}) {
    if (fs::exists(options.output) && fs::equivalent(input, options.output)) {
      fail_input("--output", "is the folder " + input + " that is read", "name a new folder");
    }
  }
}

/// What becomes of a base in few bits, and what bringing the result into few bits again would cost.
std::string few_bits_note(const exchange::MergeReport& merged, const std::string& type) {
  return format(
      "note: %ld of the base's matrices lay in few bits; the result holds them dense, as %s, and answers as base and "
      "adapter did. Quantising it the same way again would change its weights by %.2g times what the adapter changed "
      "them (docs/quantisation.md): to serve it in few bits, keep the adapter apart.",
      merged.few_bits, type.c_str(), merged.requantised_error);
}

void run(Options options) {
  check_folders(options);
  auto decoder = load_model(options.model);
  const at::ScalarType dtype = stored_type(options, decoder->config());
  const Tensor before = probe(*decoder);
  const exchange::MergeReport merged = exchange::merge_lora(*decoder);
  double difference = 0;
  write_folder(options.output, [&](const fs::path& folder) {
    model::save_model(*decoder, options.model.model, folder, dtype);
    model::copy_tokenizer(options.model.adapter, folder);
    decoder.reset();  // two models need not lie in memory at once
    const auto written = model::Decoder::load(folder, {at::kFloat, tensor::device_from_name(options.model.device)});
    difference = probe(*written).sub(before).abs().max().item().toDouble();
    if (!(difference <= before.abs().max().item().toDouble())) {  // also when it is NaN
      fail_work(options.output, format("the merged model's logits differ from base and adapter by %g", difference),
                "store in a wider type: --dtype float32");
    }
  });
  const double largest = before.abs().max().item().toDouble();
  const std::string type = tensor::dtype_name(dtype);
  if (merged.few_bits > 0) say(few_bits_note(merged, type));
  if (options.json) {
    std::printf("%s\n", to_line({{"output", options.output},
                                 {"dtype", type},
                                 {"modules", merged.modules},
                                 {"largest_change", merged.largest_change},
                                 {"few_bits", merged.few_bits},
                                 {"requantised_error", merged.few_bits > 0 ? Json(merged.requantised_error) : Json()},
                                 {"max_logit_difference", difference},
                                 {"max_logit", largest}})
                            .c_str());
    return;
  }
  Table table({"merged", ""});
  table.add({"folder", options.output});
  table.add({"stored as", type});
  table.add({"changed modules", format("%ld", merged.modules)});
  table.add({"largest change of a weight", format("%.3g", merged.largest_change)});
  table.add(
      {"logits against base + adapter", format("differ by at most %.2g (largest logit %.3g)", difference, largest)});
  std::fputs(table.text().c_str(), stdout);
}

}  // namespace

void set_up_merge(CLI::App& app) {
  auto options = std::make_shared<Options>();
  // The sum is made in fp32 whatever the weights are stored in; rounding happens once, when writing.
  options->model.compute_dtype = "float32";
  add_model_options(app, options->model);
  app.get_option("--adapter")->required();
  app.add_option("--output", options->output, "Folder to write; an existing one is replaced")
      ->required()
      ->type_name("DIR");
  app.add_option("--dtype", options->dtype, "float32 or bfloat16 (default: as the base model)");
  app.add_flag("--json", options->json, "One JSON object");
  app.callback([options] { run(*options); });
}

}  // namespace hone::cli
