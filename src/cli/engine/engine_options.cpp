#include "cli/engine/engine_options.h"

#include <CLI/CLI.hpp>

#include "exchange/peft.h"
#include "tensor/device.h"

namespace hone::cli {

void add_model_options(CLI::App& app, ModelChoice& choice) {
  app.add_option("--model", choice.model, "Model folder (config.json, safetensors)")->required()->type_name("DIR");
  app.add_option("--adapter", choice.adapter, "LoRA adapter folder in PEFT's format")->type_name("DIR");
  add_compute_options(app, choice);
}

void add_compute_options(CLI::App& app, ModelChoice& choice) {
  app.add_option("--compute-dtype", choice.compute_dtype, "Type of the arithmetic: auto, stored, float32, bfloat16")
      ->capture_default_str();
  app.add_option("--device", choice.device, "cpu, cuda, cuda:N or auto")->capture_default_str();
  app.add_option("--threads", choice.threads, "Threads (0: all cores)")->capture_default_str();
}

std::unique_ptr<model::Decoder> load_model(const ModelChoice& choice) {
  tensor::set_threads(choice.threads);
  const c10::Device device = tensor::device_from_name(choice.device);
  std::string type = choice.compute_dtype;
  if (type == "stored") type = model::read_config(choice.model).dtype == "bfloat16" ? "auto" : "float32";
  auto decoder =
      model::Decoder::load(choice.model, {tensor::compute_dtype_from_name(type, "--compute-dtype", device), device});
  if (!choice.adapter.empty()) exchange::read_peft(*decoder, choice.adapter, /*trainable=*/false);
  return decoder;
}

}  // namespace hone::cli
