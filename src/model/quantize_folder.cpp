#include "model/quantize_folder.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "model/decoder.h"

namespace hone::model {
namespace fs = std::filesystem;
namespace {

/// Modules to be quantised and their shapes, by the names of their weights.
std::map<std::string, const Linear*> chosen(Decoder& outline, const Quantization& quantization) {
  std::map<std::string, const Linear*> all;
  for (const Linear* linear : outline.linears()) {
    const bool tied = linear == &outline.head() && outline.config().tie_word_embeddings;
    if (!tied && quantization.applies_to(linear->name)) all.emplace(linear->name + ".weight", linear);
  }
  return all;
}

/// The name by which the whole model knows a stored tensor: files of a model without its head leave its beginning out.
std::string full_name(const std::string& stored, const std::string& prefix, const std::set<std::string>& known) {
  return !known.contains(stored) && known.contains(prefix + stored) ? prefix + stored : stored;
}

void write_settings(const fs::path& source, const fs::path& folder, const Quantization& quantization,
                    at::ScalarType dtype) {
  Json config = read_json(source / "config.json");
  config["quantization_config"] = quantization_json(quantization, dtype);
  write_json(folder / "config.json", config);
  if (const fs::path from = source / "generation_config.json"; fs::exists(from)) {
    write_file(folder / from.filename(), read_file(from));
  }
  copy_tokenizer(source, folder);
}

}  // namespace

QuantizedFolder quantize_folder(const fs::path& source, const fs::path& folder, const Quantization& quantization,
                                int64_t shard_bytes, const std::function<void(int64_t, int64_t)>& progress) {
  if (stored_quantization(source)) fail_input(source.string(), "is quantised already", "start from the original model");
  const auto outline = Decoder::outline(read_config(source));
  const auto linears = chosen(*outline, quantization);
  if (linears.empty()) fail_input("modules_to_not_convert", "leaves nothing to quantise");
  const std::string prefix = family_named(outline->config().family).names.base_prefix;
  const Checkpoint checkpoint(source, prefix);
  std::set<std::string> known;
  for (const NamedTensor& parameter : outline->parameters()) known.insert(parameter.name);
  const std::vector<std::string> names = checkpoint.names();
  ShardWriter writer(folder, shard_bytes);
  QuantizedFolder report;
  at::ScalarType dtype = at::kFloat;
  for (const auto& [name, linear] : linears) {
    if (!checkpoint.has(name)) static_cast<void>(checkpoint.tensor(name));  // says what is missing
  }
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string full = full_name(names[i], prefix, known);
    const auto found = linears.find(full);
    const Tensor stored = checkpoint.tensor(names[i]);
    report.dense_bytes += static_cast<int64_t>(stored.nbytes());
    if (found == linears.end()) {
      writer.add(full, stored);
      report.written_bytes += static_cast<int64_t>(stored.nbytes());
    } else {
      const Linear& linear = *found->second;
      const Tensor weight = linear.laid_out(checkpoint.tensor(names[i], linear.weight.sizes().vec())).contiguous();
      dtype = weight.scalar_type();
      for (const auto& [name, part] :
           quantized_tensors(linear.name, tensor::quantize(weight, quantization.options, full))) {
        writer.add(name, part);
        report.written_bytes += static_cast<int64_t>(part.nbytes());
      }
      ++report.matrices;
      checkpoint.release(names[i]);
    }
    if (progress) progress(static_cast<int64_t>(i) + 1, static_cast<int64_t>(names.size()));
  }
  writer.finish();
  write_settings(source, folder, quantization, dtype);
  return report;
}

}  // namespace hone::model
