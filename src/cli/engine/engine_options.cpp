#include "cli/engine/engine_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/strings.h"
#include "exchange/peft.h"
#include "tensor/device.h"

namespace hone::cli {

void add_model_options(CLI::App& app, ModelChoice& choice) {
  app.add_option("--model", choice.model, "Model folder (config.json, safetensors)")->required()->type_name("DIR");
  app.add_option("--adapter", choice.adapter, "LoRA adapter folder in PEFT's format")->type_name("DIR");
  app.add_option("--quantization", choice.quantization, "Bring dense weights to nf4, fp4 or int8 while loading");
  app.add_flag("--double-quant", choice.double_quant, "With nf4 or fp4: scales in 8 bits too");
  add_compute_options(app, choice);
}

void add_compute_options(CLI::App& app, ModelChoice& choice) {
  app.add_option("--compute-dtype", choice.compute_dtype, "Type of the arithmetic: auto, stored, float32, bfloat16")
      ->capture_default_str();
  app.add_option("--device", choice.device, "cpu, cuda, cuda:N or auto")->capture_default_str();
  app.add_option("--threads", choice.threads, "Threads (0: all cores)")->capture_default_str();
}

int64_t bytes_from_text(const std::string& text, const std::string& place) {
  static const std::map<std::string, int64_t> kUnits = {
      {"", 1},          {"B", 1},         {"KB", 1000},    {"MB", 1000 * 1000}, {"GB", 1000 * 1000 * 1000},
      {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto unit = kUnits.find(text.substr(digits));
  // Nine digits of the largest unit stay within 63 bits.
  const int64_t count = digits > 0 && digits < 10 ? std::stoll(text.substr(0, digits)) : 0;
  if (unit == kUnits.end() || count == 0) {
    fail_input(place, "\"" + excerpt(text, 40) + "\" is no size", "give a number and a unit: 5GB, 200MB, 64KiB");
  }
  return count * unit->second;
}

std::unique_ptr<model::Decoder> load_model(const ModelChoice& choice) {
  tensor::set_threads(choice.threads);
  const c10::Device device = tensor::device_from_name(choice.device);
  std::string type = choice.compute_dtype;
  if (type == "stored") type = model::read_config(choice.model).dtype == "bfloat16" ? "auto" : "float32";
  model::DecoderOptions options{.compute_type = tensor::compute_dtype_from_name(type, "--compute-dtype", device),
                                .device = device};
  if (!choice.quantization.empty()) {
    options.quantization.emplace();
    options.quantization->options.type = tensor::quant_type_from_name(choice.quantization, "--quantization");
    options.quantization->options.double_quant = choice.double_quant;
  }
  auto decoder = model::Decoder::load(choice.model, options);
  if (!choice.adapter.empty()) exchange::read_peft(*decoder, choice.adapter, /*trainable=*/false);
  return decoder;
}

}  // namespace hone::cli
