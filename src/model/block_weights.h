// The weights of blocks and norms by their names in a checkpoint.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "model/block.h"
#include "model/config.h"

namespace hone::model {

/// Where weights come from.
struct WeightSource {
  /// A weight by its whole name, of that shape.
  std::function<Tensor(const std::string& name, const std::vector<int64_t>& shape)> dense;
  /// The weight of a Linear in few bits, or null: it is to be dense. `layout` is that of the dense one.
  std::function<std::shared_ptr<const tensor::Quantized>(const std::string& module, int64_t out, int64_t in,
                                                         WeightLayout layout)>
      quantized;
  Tensor operator()(const std::string& name, const std::vector<int64_t>& shape) const { return dense(name, shape); }
};

struct LinearOptions {
  bool bias = false;
  WeightLayout layout = WeightLayout::kOutIn;
  at::ScalarType compute_type = at::kFloat;
};

/// `index` is its number, and goes up by one.
Linear make_linear(const std::string& name, int64_t out, int64_t in, const LinearOptions& options,
                   const WeightSource& source, int64_t& index);

/// `names.layer_prefix` with the layer's number, and `part`.
std::string layer_name(const TensorNames& names, int64_t layer, const std::string& part);

Norm make_norm(const DecoderConfig& config, const std::string& name, const WeightSource& source);

/// All blocks of the configuration, which must outlive them. `index` numbers their Linears from where it stands on.
std::vector<std::unique_ptr<Block>> make_blocks(const DecoderConfig& config, const TensorNames& names,
                                                at::ScalarType compute_type, const WeightSource& source,
                                                int64_t& index);

}  // namespace hone::model
