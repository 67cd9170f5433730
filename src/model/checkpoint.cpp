#include "model/checkpoint.h"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/safetensors.h"
#include "base/strings.h"
#include "model/decoder.h"
#include "tensor/device.h"

namespace hone::model {
namespace fs = std::filesystem;
namespace {

at::ScalarType scalar_type(StoredType type, const std::string& place) {
  switch (type) {
    case StoredType::kBool: return at::kBool;
    case StoredType::kU8: return at::kByte;
    case StoredType::kI8: return at::kChar;
    case StoredType::kI16: return at::kShort;
    case StoredType::kF16: return at::kHalf;
    case StoredType::kBF16: return at::kBFloat16;
    case StoredType::kI32: return at::kInt;
    case StoredType::kF32: return at::kFloat;
    case StoredType::kF64: return at::kDouble;
    case StoredType::kI64: return at::kLong;
    default:
      fail_input(place, std::string("is stored as ") + stored_type_name(type) + ", which cannot be used as a weight");
  }
}

StoredType stored_type(at::ScalarType type) {
  switch (type) {
    case at::kBool: return StoredType::kBool;
    case at::kByte: return StoredType::kU8;
    case at::kChar: return StoredType::kI8;
    case at::kShort: return StoredType::kI16;
    case at::kHalf: return StoredType::kF16;
    case at::kBFloat16: return StoredType::kBF16;
    case at::kInt: return StoredType::kI32;
    case at::kFloat: return StoredType::kF32;
    case at::kDouble: return StoredType::kF64;
    case at::kLong: return StoredType::kI64;
    default: fail_work("", std::string("tensors of type ") + c10::toString(type) + " cannot be written");
  }
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::vector<std::string> sizes;
  for (const int64_t size : shape) sizes.push_back(std::to_string(size));
  return "[" + join(sizes, ", ") + "]";
}

}  // namespace

struct Checkpoint::Impl {
  CheckpointFiles files;
  std::string base_prefix;

  std::string stored_name(const std::string& name) const {
    if (base_prefix.empty() || files.contains(name) || !starts_with(name, base_prefix)) return name;
    const std::string bare = name.substr(base_prefix.size());
    return files.contains(bare) ? bare : name;
  }
  const LocatedTensor& at(const std::string& name) const { return files.at(stored_name(name)); }
};

Checkpoint::Checkpoint(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Checkpoint::Checkpoint(const fs::path& folder, std::string base_prefix)
    : impl_(std::make_unique<Impl>(Impl{CheckpointFiles(folder), std::move(base_prefix)})) {}
Checkpoint Checkpoint::from_file(const fs::path& file) {
  return Checkpoint(std::make_unique<Impl>(Impl{CheckpointFiles(file), ""}));
}
Checkpoint::~Checkpoint() = default;
Checkpoint::Checkpoint(Checkpoint&&) noexcept = default;
Checkpoint& Checkpoint::operator=(Checkpoint&&) noexcept = default;

bool Checkpoint::has(const std::string& name) const {
  return impl_->files.contains(impl_->stored_name(name));
}

std::vector<std::string> Checkpoint::names() const {
  std::vector<std::string> all;
  for (const auto& [name, located] : impl_->files.tensors()) all.push_back(name);
  return all;
}

Tensor Checkpoint::tensor(const std::string& name) const {
  const LocatedTensor& located = impl_->at(name);
  const StoredTensor& stored = *located.tensor;
  const auto type = scalar_type(stored.type, located.file->path().string() + ": " + name);
  const auto holder = located.file->holder();
  const auto* data = located.data();
  // The mapping is read-only; nothing here writes to a weight without cloning it first.
  Tensor view = at::from_blob(
      const_cast<std::byte*>(data), stored.shape, [holder](void*) {}, at::TensorOptions().dtype(type));
  const bool aligned = reinterpret_cast<uintptr_t>(data) % stored_type_size(stored.type) == 0;
  return aligned ? view : view.clone();
}

void Checkpoint::release(const std::string& name) const {
  const LocatedTensor& located = impl_->at(name);
  located.file->release(*located.tensor);
}

Tensor Checkpoint::tensor(const std::string& name, const std::vector<int64_t>& shape) const {
  const LocatedTensor& located = impl_->at(name);
  if (located.tensor->shape != shape) {
    fail_input(located.file->path().string(),
               name + " is " + shape_text(located.tensor->shape) + ", the configuration implies " + shape_text(shape),
               "check the sizes in config.json (or adapter_config.json), or this file belongs to another model");
  }
  return tensor(name);
}

void write_tensors(const fs::path& file, const std::vector<std::pair<std::string, Tensor>>& tensors,
                   const std::vector<std::pair<std::string, std::string>>& metadata) {
  std::vector<Tensor> kept;  // contiguous copies on the CPU live until the file is written
  std::vector<TensorToStore> entries;
  for (const auto& [name, tensor] : tensors) {
    kept.push_back(tensor.detach().cpu().contiguous());
    entries.push_back(
        {name, stored_type(kept.back().scalar_type()), kept.back().sizes().vec(), kept.back().const_data_ptr()});
  }
  write_safetensors(file, std::move(entries), {metadata.begin(), metadata.end()});
}

namespace {

void copy_if_there(const fs::path& from, const fs::path& to, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (fs::exists(from / name)) write_file(to / name, read_file(from / name));
  }
}

}  // namespace

void copy_tokenizer(const fs::path& from, const fs::path& to) {
  copy_if_there(from, to,
                {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
                 "tokenizer.model", "vocab.json", "vocab.txt", "merges.txt", "chat_template.jinja"});
}

void save_model(Decoder& decoder, const fs::path& source_folder, const fs::path& folder, const SaveOptions& options) {
  Json config = read_json(source_folder / "config.json");
  config.erase("quantization_config");  // what is written here is dense
  if (options.dtype) {
    config.erase("torch_dtype");
    config["dtype"] = tensor::dtype_name(*options.dtype);
  }
  // An adapter may have parted embedding and head.
  if (!decoder.config().tie_word_embeddings) config["tie_word_embeddings"] = false;
  write_json(folder / "config.json", config);
  copy_if_there(source_folder, folder, {"generation_config.json"});
  copy_tokenizer(source_folder, folder);

  ShardWriter writer(folder, options.shard_bytes);
  const auto add = [&](const std::string& name, const Tensor& value) {
    writer.add(name, value.detach().to(options.dtype.value_or(value.scalar_type())));
  };
  for (const NamedTensor& parameter : decoder.parameters()) {
    add(parameter.name, options.value ? options.value(parameter) : *parameter.tensor);
  }
  for (const Linear* linear : decoder.linears()) {
    if (linear->quantized) add(linear->name + ".weight", linear->dense());
  }
  writer.finish();
}

ShardWriter::ShardWriter(fs::path folder, int64_t shard_bytes) : folder_(std::move(folder)), limit_(shard_bytes) {}

void ShardWriter::add(const std::string& name, const Tensor& tensor) {
  const auto bytes = static_cast<int64_t>(tensor.nbytes());
  if (!waiting_.empty() && waiting_bytes_ + bytes > limit_) flush();
  waiting_.emplace_back(name, tensor);
  waiting_bytes_ += bytes;
  total_bytes_ += bytes;
}

void ShardWriter::flush() {
  const std::string name = format("model-%05zu.safetensors", ++shards_);
  write_tensors(folder_ / name, waiting_);
  for (const auto& [tensor, value] : waiting_) places_[tensor] = shards_;
  waiting_.clear();
  waiting_bytes_ = 0;
}

void ShardWriter::finish() {
  if (!waiting_.empty()) flush();
  // How many there are is part of their names.
  const auto final_name = [&](size_t shard) {
    return shards_ == 1 ? "model.safetensors" : format("model-%05zu-of-%05zu.safetensors", shard, shards_);
  };
  for (size_t shard = 1; shard <= shards_; ++shard) {
    fs::rename(folder_ / format("model-%05zu.safetensors", shard), folder_ / final_name(shard));
  }
  if (shards_ <= 1) return;
  Json index = {{"metadata", {{"total_size", total_bytes_}}}, {"weight_map", Json::object()}};
  for (const auto& [tensor, shard] : places_) index["weight_map"][tensor] = final_name(shard);
  write_json(folder_ / "model.safetensors.index.json", index);
}

}  // namespace hone::model
