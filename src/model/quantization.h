// Which weights of a model are held in few bits, and how such weights lie in a checkpoint: as bitsandbytes and
// transformers write them, so that either reads what the other wrote.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "model/checkpoint.h"
#include "tensor/quantized.h"

namespace hone::model {

struct Quantization {
  tensor::QuantOptions options;
  /// Linears that stay dense: endings of their names, or regular expressions for the beginning of the full name.
  /// Embeddings, norms and a head that is tied to the embedding always do.
  std::vector<std::string> modules_to_not_convert = {"lm_head"};

  bool applies_to(const std::string& module) const;
};

/// What config.json says in "quantization_config"; nothing where it has none. A method other than bitsandbytes throws
/// Error(kInput) at `place`.
std::optional<Quantization> stored_quantization(const Json& config, const std::string& place);
/// The same of a model folder.
std::optional<Quantization> stored_quantization(const std::filesystem::path& folder);
/// What to write there for weights that were of type `dtype`.
Json quantization_json(const Quantization& quantization, at::ScalarType dtype);

/// A weight [rows, cols] of `module` ("model.layers.0.mlp.up_proj") that lies in few bits. Tensors that are missing, of
/// the wrong shape, or made with another codebook throw Error(kInput) naming them.
tensor::Quantized read_quantized(const Checkpoint& checkpoint, const std::string& module, int64_t rows, int64_t cols,
                                 const Quantization& quantization);
/// The tensors of such a weight by the names they have on disk.
std::vector<std::pair<std::string, Tensor>> quantized_tensors(const std::string& module, const tensor::Quantized& q);

}  // namespace hone::model
