#include "model/quantization.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/pattern.h"
#include "base/strings.h"
#include "tensor/device.h"
#include "tensor/dynamic_map.h"

namespace hone::model {
namespace {

using tensor::Quantized;
using tensor::QuantType;

Tensor copy_of(const float* values, int64_t count) {
  return at::from_blob(const_cast<float*>(values), {count}, at::TensorOptions().dtype(at::kFloat)).clone();
}

Tensor bytes_of(const std::string& text) {
  Tensor bytes = at::empty({static_cast<int64_t>(text.size())}, at::TensorOptions().dtype(at::kByte));
  std::memcpy(bytes.mutable_data_ptr(), text.data(), text.size());
  return bytes;
}

/// One weight's tensors, each checked for shape and type before it is used.
class Reader {
 public:
  Reader(const Checkpoint& checkpoint, const std::string& module)
      : checkpoint_(checkpoint), weight_(module + ".weight") {}

  Tensor part(const std::string& suffix, const std::vector<int64_t>& shape, at::ScalarType type) const {
    return typed(weight_ + suffix, checkpoint_.tensor(weight_ + suffix, shape), type);
  }
  Tensor beside(const std::string& name, const std::vector<int64_t>& shape, at::ScalarType type) const {
    const std::string full = weight_.substr(0, weight_.size() - std::string("weight").size()) + name;
    return typed(full, checkpoint_.tensor(full, shape), type);
  }
  bool has(const std::string& suffix) const { return checkpoint_.has(weight_ + suffix); }

  /// The settings that lie beside the codes as JSON in a tensor of bytes.
  Json state(const char* type) const {
    const std::string name = weight_ + ".quant_state.bitsandbytes__" + type;
    const Tensor bytes = checkpoint_.tensor(name);
    if (bytes.scalar_type() != at::kByte || bytes.dim() != 1) fail_input(name, "is not a row of bytes (U8)");
    const std::string_view text(static_cast<const char*>(bytes.const_data_ptr()), static_cast<size_t>(bytes.numel()));
    Json state = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!state.is_object()) fail_input(name, "does not hold a JSON object");
    return state;
  }

  template <typename Value>
  Value value(const Json& state, const char* key) const {
    try {
      return state.at(key).get<Value>();
    } catch (const nlohmann::json::exception&) {
      fail_input(weight_ + ".quant_state", std::string("\"") + key + "\" is missing or of the wrong type");
    }
  }

  void same_codebook(const std::string& suffix, const float* values, int64_t count) const {
    if (at::equal(part(suffix, {count}, at::kFloat), copy_of(values, count))) return;
    fail_input(weight_ + suffix, "is another codebook than that of its type", "quantise the original model anew");
  }

  const std::string& weight() const { return weight_; }

 private:
  Tensor typed(const std::string& name, const Tensor& tensor, at::ScalarType type) const {
    if (tensor.scalar_type() == type) return tensor;
    fail_input(
        name, std::string("is stored as ") + c10::toString(tensor.scalar_type()) + ", expected " + c10::toString(type));
  }
  const Checkpoint& checkpoint_;
  std::string weight_;
};

Quantized read4(const Reader& reader, int64_t rows, int64_t cols, QuantType type) {
  Quantized q{.type = type, .rows = rows, .cols = cols};
  const Json state = reader.state(quant_type_name(type));
  const auto shape = reader.value<std::vector<int64_t>>(state, "shape");
  if (shape != std::vector<int64_t>{rows, cols}) {
    fail_input(reader.weight() + ".quant_state", format("says another shape than [%ld, %ld], which the configuration "
                                                        "implies",
                                                        rows, cols));
  }
  q.blocksize = reader.value<int64_t>(state, "blocksize");
  if (q.blocksize < 2 || q.blocksize > 4096 || q.blocksize % 2 != 0) {
    fail_input(reader.weight() + ".quant_state", format("blocksize is %ld, expected 32, 64, … 4096", q.blocksize));
  }
  q.source =
      tensor::dtype_from_name(reader.value<std::string>(state, "dtype"), reader.weight() + ".quant_state: dtype");
  q.codes = reader.part("", {(rows * cols + 1) / 2, 1}, at::kByte);
  reader.same_codebook(".quant_map", tensor::codebook4(type), 16);
  const int64_t blocks = q.blocks();
  if (!reader.has(".nested_absmax")) {
    q.absmax = reader.part(".absmax", {blocks}, at::kFloat);
    return q;
  }
  if (const auto nested = reader.value<int64_t>(state, "nested_blocksize"); nested != tensor::kEightBitBlock) {
    fail_input(reader.weight() + ".quant_state",
               format("nested_blocksize is %ld, expected %ld", nested, tensor::kEightBitBlock));
  }
  q.absmax = reader.part(".absmax", {blocks}, at::kByte);
  q.nested_absmax =
      reader.part(".nested_absmax", {(blocks + tensor::kEightBitBlock - 1) / tensor::kEightBitBlock}, at::kFloat);
  reader.same_codebook(".nested_quant_map", tensor::dynamic_map(true).data(), 256);
  q.nested_offset = static_cast<float>(reader.value<double>(state, "nested_offset"));
  return q;
}

Json state_of(const Quantized& q) {
  Json state = {{"quant_type", quant_type_name(q.type)},
                {"blocksize", q.blocksize},
                {"dtype", tensor::dtype_name(q.source)},
                {"shape", {q.rows, q.cols}}};
  if (q.nested()) {
    state["nested_blocksize"] = tensor::kEightBitBlock;
    state["nested_dtype"] = "float32";
    state["nested_offset"] = static_cast<double>(q.nested_offset);
  }
  return state;
}

bool flag(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_boolean() && found->get<bool>();
}

}  // namespace

bool Quantization::applies_to(const std::string& module) const {
  return std::none_of(modules_to_not_convert.begin(), modules_to_not_convert.end(), [&](const std::string& key) {
    // As transformers: an ending, or a regular expression that ends where a part of the name does.
    return ends_with(module, key) ||
           Pattern("(?:" + key + ")(?:(?<=\\.)|(?=\\.|$)).*", "modules_to_not_convert").matches_all(module);
  });
}

std::optional<Quantization> stored_quantization(const Json& config, const std::string& place) {
  const auto found = config.find("quantization_config");
  if (found == config.end() || found->is_null()) return std::nullopt;
  const std::string where = place + ": quantization_config";
  const bool four = flag(*found, "load_in_4bit"), eight = flag(*found, "load_in_8bit");
  const std::string method = found->is_object() ? found->value("quant_method", "bitsandbytes") : "";
  if (method != "bitsandbytes" || four == eight) {
    fail_input(where,
               "is not a quantisation that can be read: expected quant_method bitsandbytes with load_in_4bit or "
               "load_in_8bit",
               "take the model's original, unquantised folder");
  }
  Quantization quantization;
  quantization.options.type =
      eight ? QuantType::kInt8
            : tensor::quant_type_from_name(found->value("bnb_4bit_quant_type", "fp4"), where + ".bnb_4bit_quant_type");
  quantization.options.double_quant = flag(*found, "bnb_4bit_use_double_quant");
  if (const auto skipped = found->find("llm_int8_skip_modules"); skipped != found->end() && skipped->is_array()) {
    quantization.modules_to_not_convert.clear();
    for (const Json& name : *skipped) {
      if (!name.is_string()) fail_input(where + ".llm_int8_skip_modules", "is not a list of names");
      quantization.modules_to_not_convert.push_back(name.get<std::string>());
    }
  }
  return quantization;
}

std::optional<Quantization> stored_quantization(const std::filesystem::path& folder) {
  const auto path = folder / "config.json";
  return stored_quantization(read_json(path), path.string());
}

Json quantization_json(const Quantization& quantization, at::ScalarType dtype) {
  const bool eight = quantization.options.type == QuantType::kInt8;
  return {{"quant_method", "bitsandbytes"},
          {"_load_in_4bit", !eight},
          {"_load_in_8bit", eight},
          {"load_in_4bit", !eight},
          {"load_in_8bit", eight},
          {"bnb_4bit_compute_dtype", tensor::dtype_name(dtype)},
          {"bnb_4bit_quant_storage", "uint8"},
          {"bnb_4bit_quant_type", eight ? "fp4" : quant_type_name(quantization.options.type)},
          {"bnb_4bit_use_double_quant", quantization.options.double_quant},
          {"llm_int8_enable_fp32_cpu_offload", false},
          {"llm_int8_has_fp16_weight", false},
          {"llm_int8_skip_modules", quantization.modules_to_not_convert},
          {"llm_int8_threshold", 6.0}};
}

Quantized read_quantized(const Checkpoint& checkpoint, const std::string& module, int64_t rows, int64_t cols,
                         const Quantization& quantization) {
  const Reader reader(checkpoint, module);
  if (quantization.options.type != QuantType::kInt8) return read4(reader, rows, cols, quantization.options.type);
  Quantized q{.type = QuantType::kInt8, .rows = rows, .cols = cols, .blocksize = cols};
  q.codes = reader.part("", {rows, cols}, at::kChar);
  q.absmax = reader.beside("SCB", {rows}, at::kFloat);
  q.source = at::kHalf;
  return q;
}

std::vector<std::pair<std::string, Tensor>> quantized_tensors(const std::string& module, const Quantized& q) {
  const std::string weight = module + ".weight";
  if (q.type == QuantType::kInt8) {
    return {{weight, q.codes}, {module + ".SCB", q.absmax}, {module + ".weight_format", at::zeros({}, at::kByte)}};
  }
  std::vector<std::pair<std::string, Tensor>> all = {
      {weight, q.codes},
      {weight + ".absmax", q.absmax},
      {weight + ".quant_map", copy_of(tensor::codebook4(q.type), 16)},
      {weight + ".quant_state.bitsandbytes__" + quant_type_name(q.type), bytes_of(state_of(q).dump())}};
  if (q.nested()) {
    all.emplace_back(weight + ".nested_absmax", q.nested_absmax);
    all.emplace_back(weight + ".nested_quant_map", copy_of(tensor::dynamic_map(true).data(), 256));
  }
  return all;
}

}  // namespace hone::model
