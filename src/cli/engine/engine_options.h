// Options that every engine command shares: which model, which adapter, which arithmetic.
#pragma once
#include <memory>
#include <string>

#include "model/decoder.h"

namespace CLI {
class App;
}

namespace hone::cli {

struct ModelChoice {
  std::string model;    ///< folder
  std::string adapter;  ///< folder, or "" for the base model
  /// auto, float32, bfloat16; or stored: float32 for weights stored in it (so that answers and figures are
  /// those of any other fp32 implementation), auto for others.
  std::string compute_dtype = "auto";
  std::string quantization;  ///< nf4, fp4, int8: what dense weights are brought to while loading; "": they stay dense
  bool double_quant = false;
  std::string device = "cpu";
  int threads = 0;
};

/// Adds --model (required), --adapter, --quantization, --double-quant, --compute-dtype, --device and --threads.
void add_model_options(CLI::App& app, ModelChoice& choice);
/// The last three of these alone.
void add_compute_options(CLI::App& app, ModelChoice& choice);

/// A size such as 5GB, 200MB, 64KiB or a plain number of bytes, as transformers' max_shard_size reads it (KB is
/// 1000 bytes, KiB 1024). Anything else, and 0, throws Error at `place`.
int64_t bytes_from_text(const std::string& text, const std::string& place);

/// Loads the model and attaches the adapter, frozen.
std::unique_ptr<model::Decoder> load_model(const ModelChoice& choice);

}  // namespace hone::cli
