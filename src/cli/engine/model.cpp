// hone model new|info|convert|quantize|logits|gradients: make, describe and probe a checkpoint.
#include <ATen/core/grad_mode.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "cli/command.h"
#include "cli/engine/engine_options.h"
#include "exchange/peft.h"
#include "model/checkpoint.h"
#include "model/head_loss.h"
#include "model/quantize_folder.h"
#include "tensor/device.h"

namespace hone::cli {
namespace {

std::vector<int32_t> parse_ids(const std::string& text, int64_t vocab_size) {
  std::vector<int32_t> ids;
  for (const std::string& part : split(text, ',')) {
    const std::string digits(trim(part));
    if (digits.empty() || digits.size() > 9 || digits.find_first_not_of("0123456789") != std::string::npos) {
      fail_input("--ids", "\"" + part + "\" is not a token id", "give ids separated by commas: 1,2,3");
    }
    const int32_t id = std::stoi(digits);
    if (id >= vocab_size) fail_input("--ids", format("%d is not below the vocabulary size %ld", id, vocab_size));
    ids.push_back(id);
  }
  return ids;
}

struct Probe {
  ModelChoice choice;
  std::string ids, output;
};

void add_probe_options(CLI::App& app, Probe& probe) {
  probe.choice.compute_dtype = "float32";  // a probe is for comparing
  add_model_options(app, probe.choice);
  app.add_option("--ids", probe.ids, "Token ids, separated by commas")->required();
  app.add_option("--output", probe.output, "safetensors file to write")->required()->type_name("FILE");
}

void set_up_logits(CLI::App& app) {
  auto probe = std::make_shared<Probe>();
  add_probe_options(app, *probe);
  app.callback([probe] {
    const at::NoGradGuard no_grad;
    const auto decoder = load_model(probe->choice);
    const auto ids = parse_ids(probe->ids, decoder->config().vocab_size);
    const auto batch = model::pack({ids}, decoder->options().device);
    model::write_tensors(probe->output, {{"logits", decoder->logits(decoder->hidden(batch, {})).to(at::kFloat)}});
  });
}

/// Every tensor that a person could train: the adapter's if there is one, else all weights.
std::vector<std::pair<std::string, Tensor>> probe_parameters(model::Decoder& decoder, const Probe& probe) {
  if (!probe.choice.adapter.empty()) {
    return exchange::lora_tensors(decoder,
                                  exchange::read_peft(decoder, probe.choice.adapter, /*trainable=*/true).settings);
  }
  std::vector<std::pair<std::string, Tensor>> all;
  for (const auto& parameter : decoder.parameters()) {
    decoder.replace(parameter, parameter.tensor->detach().to(at::kFloat, false, /*copy=*/true).set_requires_grad(true));
    all.emplace_back(parameter.name, *parameter.tensor);
  }
  return all;
}

void set_up_gradients(CLI::App& app) {
  auto probe = std::make_shared<Probe>();
  add_probe_options(app, *probe);
  app.callback([probe] {
    ModelChoice base = probe->choice;
    base.adapter.clear();  // it is read below, to be trained
    const auto decoder = load_model(base);
    const auto parameters = probe_parameters(*decoder, *probe);
    const auto ids = parse_ids(probe->ids, decoder->config().vocab_size);
    if (ids.size() < 2) fail_input("--ids", "one id has no next token; give two or more");
    std::vector<int64_t> targets(ids.begin() + 1, ids.end());
    targets.push_back(model::kIgnore);
    const auto batch = model::pack({ids}, decoder->options().device);
    const auto result = model::head_loss(*decoder, decoder->hidden(batch, {}), tensor_of(targets), {},
                                         {.weight = 1.0 / static_cast<double>(ids.size() - 1)});
    result.loss.backward();
    std::vector<std::pair<std::string, Tensor>> tensors{{"loss", result.loss.detach().reshape({1})}};
    for (const auto& [name, parameter] : parameters) {
      if (parameter.grad().defined()) tensors.emplace_back(name, parameter.grad());
    }
    model::write_tensors(probe->output, tensors);
  });
}

struct InfoOptions {
  std::string model;
  bool json = false;
};

void print_info(const InfoOptions& options) {
  const auto config = model::read_config(options.model);
  const model::Checkpoint checkpoint{std::filesystem::path(options.model)};
  const int64_t parameters = model::Decoder::outline(config)->parameter_count();
  int64_t bytes = 0;
  for (const std::string& name : checkpoint.names()) bytes += static_cast<int64_t>(checkpoint.tensor(name).nbytes());
  const auto quantization = model::stored_quantization(std::filesystem::path(options.model));
  const bool rotary = config.positions == model::PositionKind::kRotary;
  Json document = {{"family", config.family},
                   {"parameters", parameters},
                   {"bytes", bytes},
                   {"vocab_size", config.vocab_size},
                   {"hidden_size", config.hidden_size},
                   {"intermediate_size", config.intermediate_size},
                   {"num_hidden_layers", config.num_hidden_layers},
                   {"num_attention_heads", config.num_attention_heads},
                   {"num_key_value_heads", config.num_key_value_heads},
                   {"head_dim", config.head_dim},
                   {"max_position_embeddings", config.max_position_embeddings},
                   {"positions", rotary ? "rotary" : "learned"},
                   {"tie_word_embeddings", config.tie_word_embeddings},
                   {"dtype", config.dtype},
                   {"quantization", quantization ? quant_type_name(quantization->options.type) : "none"},
                   {"eos_token_ids", config.eos_token_ids}};
  if (rotary) document["rope_type"] = config.rope.type, document["rope_theta"] = config.rope.theta;
  if (options.json) {
    std::printf("%s\n", to_line(document).c_str());
    return;
  }
  Table table({"what", "value"});
  for (const auto& [key, value] : document.items()) {
    const bool count = key == "parameters";
    table.add({key, count               ? with_commas(parameters)
                    : key == "bytes"    ? human_bytes(static_cast<double>(bytes))
                    : value.is_string() ? value.get<std::string>()
                                        : value.dump()});
  }
  std::printf("%s", table.text().c_str());
}

void set_up_info(CLI::App& app) {
  auto options = std::make_shared<InfoOptions>();
  app.add_option("--model,model", options->model, "Model folder")->required()->type_name("DIR");
  app.add_flag("--json", options->json, "Print one JSON document");
  app.callback([options] { print_info(*options); });
}

struct ConvertOptions {
  std::string model, output, dtype = "bfloat16", max_shard_size = "5GB";
};

void set_up_convert(CLI::App& app) {
  auto options = std::make_shared<ConvertOptions>();
  app.add_option("--model", options->model, "Model folder")->required()->type_name("DIR");
  app.add_option("--output", options->output, "Folder to write")->required()->type_name("DIR");
  app.add_option("--dtype", options->dtype, "Type of the stored weights: float32, bfloat16, float16")
      ->capture_default_str();
  app.add_option("--max-shard-size", options->max_shard_size, "Largest file of weights, as 5GB, 200MB or 64KiB")
      ->capture_default_str();
  app.callback([options] {
    const auto dtype = tensor::dtype_from_name(options->dtype, "--dtype");
    const int64_t shard_bytes = bytes_from_text(options->max_shard_size, "--max-shard-size");
    const auto decoder = model::Decoder::load(options->model, {});
    write_folder(options->output, [&](const std::filesystem::path& folder) {
      model::save_model(*decoder, options->model, folder, {.dtype = dtype, .value = {}, .shard_bytes = shard_bytes});
    });
  });
}

struct QuantizeOptions {
  std::string model, output, type = "nf4", max_shard_size = "2GB";
  model::Quantization quantization;
  bool json = false;
};

void quantize(QuantizeOptions& options) {
  options.quantization.options.type = tensor::quant_type_from_name(options.type, "--type");
  const int64_t shard_bytes = bytes_from_text(options.max_shard_size, "--max-shard-size");
  std::unique_ptr<Progress> progress;
  model::QuantizedFolder report;
  write_folder(options.output, [&](const std::filesystem::path& folder) {
    report = model::quantize_folder(
        options.model, folder, options.quantization, shard_bytes, [&](int64_t done, int64_t all) {
          if (!progress) {
            progress = std::make_unique<Progress>("quantising", static_cast<double>(all), "tensors");
          }
          progress->update(static_cast<double>(done));
        });
  });
  progress.reset();
  if (options.json) {
    std::printf("%s\n", to_line({{"output", options.output},
                                 {"type", options.type},
                                 {"double_quant", options.quantization.options.double_quant},
                                 {"matrices", report.matrices},
                                 {"dense_bytes", report.dense_bytes},
                                 {"written_bytes", report.written_bytes}})
                            .c_str());
    return;
  }
  Table table({"quantised", ""});
  table.add({"folder", options.output});
  table.add({"type", options.type + (options.quantization.options.double_quant ? ", double quantisation" : "")});
  table.add({"matrices", format("%ld", report.matrices)});
  table.add({"weights before", human_bytes(static_cast<double>(report.dense_bytes))});
  table.add({"weights after", human_bytes(static_cast<double>(report.written_bytes))});
  std::fputs(table.text().c_str(), stdout);
}

void set_up_quantize(CLI::App& app) {
  auto options = std::make_shared<QuantizeOptions>();
  app.add_option("--model", options->model, "Model folder")->required()->type_name("DIR");
  app.add_option("--output", options->output, "Folder to write")->required()->type_name("DIR");
  app.add_option("--type", options->type, "nf4, fp4 or int8")->capture_default_str();
  app.add_flag("--double-quant", options->quantization.options.double_quant, "Scales in 8 bits too (nf4, fp4)");
  app.add_option("--modules-to-not-convert", options->quantization.modules_to_not_convert,
                 "Linears that stay dense: endings of names, or regular expressions")
      ->capture_default_str();
  app.add_option("--max-shard-size", options->max_shard_size, "Largest file of weights, as 5GB, 200MB or 64KiB")
      ->capture_default_str();
  app.add_flag("--json", options->json, "One JSON object");
  app.callback([options] { quantize(*options); });
}

struct NewOptions {
  std::string config, tokenizer, output, dtype = "float32";
  uint64_t seed = 42;
};

void make_model(const NewOptions& options) {
  const Json json = read_json(options.config);
  const auto config = model::config_from_json(json, options.config);
  const auto dtype = tensor::dtype_from_name(options.dtype, "--dtype");
  const auto decoder = model::Decoder::random(config, {}, options.seed);
  write_folder(options.output, [&](const std::filesystem::path& folder) {
    // save_model copies what belongs to a model from a source folder; this folder is its own source.
    write_json(folder / "config.json", json);
    if (!options.tokenizer.empty()) model::copy_tokenizer(options.tokenizer, folder);
    model::save_model(*decoder, folder, folder, dtype);
  });
  say(format("%s: %s parameters, random (seed %lu)", options.output.c_str(),
             with_commas(decoder->parameter_count()).c_str(), options.seed));
}

void set_up_new(CLI::App& app) {
  auto options = std::make_shared<NewOptions>();
  app.add_option("--config", options->config, "config.json of the architecture")->required()->type_name("FILE");
  app.add_option("--tokenizer", options->tokenizer, "Folder whose tokenizer files are copied")->type_name("DIR");
  app.add_option("--output", options->output, "Folder to write")->required()->type_name("DIR");
  app.add_option("--dtype", options->dtype, "Type of the stored weights")->capture_default_str();
  app.add_option("--seed", options->seed, "Seed of the random weights")->capture_default_str();
  app.callback([options] { make_model(*options); });
}

}  // namespace

void set_up_model(CLI::App& app) {
  app.require_subcommand(1);
  set_up_new(*app.add_subcommand("new", "A model with random weights, for training from scratch"));
  set_up_info(*app.add_subcommand("info", "Sizes and settings of a model folder"));
  set_up_convert(*app.add_subcommand("convert", "The same model with its weights stored in another type"));
  set_up_quantize(*app.add_subcommand("quantize", "The same model in 4 or 8 bits, as bitsandbytes stores them"));
  set_up_logits(*app.add_subcommand("logits", "Logits of a token sequence, as safetensors `logits` [T, V]"));
  set_up_gradients(
      *app.add_subcommand("gradients", "Gradients of the mean next-token loss, one tensor a trainable parameter"));
}

}  // namespace hone::cli
