// Model folders as Hugging Face lays them out: read in place, written whole or not at all.
#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "tensor/tensor.h"

namespace hone::model {

/// The safetensors files of a folder (one, or shards with an index), memory-mapped.
class Checkpoint {
 public:
  /// A name that begins with `base_prefix` is also found without it: transformers writes a model without its head so.
  explicit Checkpoint(const std::filesystem::path& folder, std::string base_prefix = "");
  /// A single safetensors file, or the index of several.
  static Checkpoint from_file(const std::filesystem::path& file);
  ~Checkpoint();
  Checkpoint(Checkpoint&&) noexcept;
  Checkpoint& operator=(Checkpoint&&) noexcept;

  bool has(const std::string& name) const;
  std::vector<std::string> names() const;
  /// A read-only view into the mapping, valid on its own. A tensor that is missing throws Error with a
  /// near name; one of another shape throws Error with both shapes.
  Tensor tensor(const std::string& name, const std::vector<int64_t>& shape) const;
  /// Without a shape to hold it to.
  Tensor tensor(const std::string& name) const;
  /// Says that a tensor has been copied and its view will hardly be read again: its pages no longer count as
  /// memory of this process. The view stays valid.
  void release(const std::string& name) const;

 private:
  struct Impl;
  explicit Checkpoint(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Writes tensors as one safetensors file that the reference library reads; nothing is left half-written.
void write_tensors(const std::filesystem::path& file, const std::vector<std::pair<std::string, Tensor>>& tensors,
                   const std::vector<std::pair<std::string, std::string>>& metadata = {{"format", "pt"}});

/// Copies whatever tokenizer files there are, chat template included, from one folder to another.
void copy_tokenizer(const std::filesystem::path& from, const std::filesystem::path& to);

/// Writes a folder's weights as they come, in files of at most `shard_bytes` (but for a single larger tensor), so
/// that no more than one file's tensors are in memory. One file is called model.safetensors, several get an index.
class ShardWriter {
 public:
  ShardWriter(std::filesystem::path folder, int64_t shard_bytes);
  void add(const std::string& name, const Tensor& tensor);
  /// Nothing has its proper name before.
  void finish();

 private:
  void flush();
  std::filesystem::path folder_;
  int64_t limit_;
  std::vector<std::pair<std::string, Tensor>> waiting_;
  int64_t waiting_bytes_ = 0, total_bytes_ = 0;
  size_t shards_ = 0;
  std::map<std::string, size_t> places_;
};

class Decoder;
struct NamedTensor;

struct SaveOptions {
  std::optional<at::ScalarType> dtype;  ///< of every weight, and in config.json; none: as `value` gives them
  /// What is written for a parameter; empty: what the decoder holds.
  std::function<Tensor(const NamedTensor& parameter)> value;
  int64_t shard_bytes = int64_t{5} << 30;
};

/// Writes a model folder that transformers loads: config.json as it was read (with the type in
/// which the weights are now stored), weights (in shards of at most `shard_bytes`), generation
/// settings and tokenizer files copied from `source_folder`. Weights in few bits are written dense.
void save_model(Decoder& decoder, const std::filesystem::path& source_folder, const std::filesystem::path& folder,
                const SaveOptions& options);
inline void save_model(Decoder& decoder, const std::filesystem::path& source_folder,
                       const std::filesystem::path& folder, at::ScalarType dtype) {
  save_model(decoder, source_folder, folder, SaveOptions{.dtype = dtype});
}

}  // namespace hone::model
