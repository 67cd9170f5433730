// The safetensors container: 8 bytes of header length (little endian), a JSON header, raw tensors.
// This is the torch-free half: names, types, shapes and byte ranges; src/model makes tensors of it.
// Format: https://github.com/huggingface/safetensors (README, "Format"). A file is hostile until checked:
// everything that could lead a reader outside the mapping is refused here, once.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hone {

/// In the order in which the reference library sorts when it writes (widest last; see write_safetensors).
enum class StoredType { kBool, kU8, kI8, kF8E5M2, kF8E4M3, kI16, kF16, kBF16, kI32, kF32, kF64, kI64 };

/// "F32", "BF16", … as the header spells it.
const char* stored_type_name(StoredType type);
/// Bytes of one element.
size_t stored_type_size(StoredType type);

/// One tensor's entry; `begin` and `end` count bytes from the start of the data (not of the file).
struct StoredTensor {
  std::string name;
  StoredType type = StoredType::kF32;
  std::vector<int64_t> shape;  ///< empty for a scalar
  uint64_t begin = 0, end = 0;
  uint64_t size() const { return end - begin; }
};

struct SafetensorsHeader {
  std::vector<StoredTensor> tensors;            ///< in the order of their data
  std::map<std::string, std::string> metadata;  ///< the "__metadata__" entry, e.g. {"format": "pt"}
  uint64_t data_offset = 0;                     ///< of the first tensor's byte in the file
};

/// Reads and checks the header of a file of `file_size` bytes that begins with `bytes` (the whole file or
/// at least all of its header). Any fault throws Error(kInput) naming `source`, the tensor and both numbers
/// that disagree: the data must be covered exactly, without gap or overlap, and each tensor's bytes must
/// equal the product of its shape and its element size.
SafetensorsHeader parse_safetensors_header(std::string_view bytes, uint64_t file_size, const std::string& source);

/// A memory-mapped safetensors file.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const std::vector<StoredTensor>& tensors() const { return header_.tensors; }
  const std::map<std::string, std::string>& metadata() const { return header_.metadata; }
  /// nullptr when there is none of that name.
  const StoredTensor* find(const std::string& name) const;
  /// The tensor's bytes inside the mapping; `tensor` must come from this file. The address is aligned to
  /// the element in every file that the reference or we wrote, but the format does not promise it.
  const std::byte* data(const StoredTensor& tensor) const;
  /// Takes the tensor's pages out of this process's memory; whoever touches them again has them read again.
  void release(const StoredTensor& tensor) const;
  /// Keeps the mapping alive for as long as a copy of it lives.
  std::shared_ptr<const void> holder() const { return holder_; }

 private:
  std::filesystem::path path_;
  SafetensorsHeader header_;
  std::unordered_map<std::string, size_t> index_;  // name -> position in header_.tensors
  std::shared_ptr<const void> holder_;
  const std::byte* data_ = nullptr;
};

/// A tensor and the file that holds it.
struct LocatedTensor {
  const StoredTensor* tensor = nullptr;
  const SafetensorsFile* file = nullptr;
  const std::byte* data() const { return file->data(*tensor); }
};

/// All tensors of a model or adapter: one file, or the shards of a folder.
class CheckpointFiles {
 public:
  /// A folder with FOLDER/STEM.safetensors, or FOLDER/STEM.safetensors.index.json and the shards it names;
  /// or the path of a single file, or of an index. A missing shard, a tensor that the index promises and the
  /// shard lacks, a shard outside the folder: Error(kInput).
  explicit CheckpointFiles(const std::filesystem::path& path, const std::string& stem = "model");

  /// Every tensor, by name in alphabetical order.
  const std::map<std::string, LocatedTensor>& tensors() const { return tensors_; }
  bool contains(const std::string& name) const { return tensors_.count(name) > 0; }
  /// A name that is missing throws Error(kInput) with a near one.
  const LocatedTensor& at(const std::string& name) const;
  const std::vector<std::unique_ptr<SafetensorsFile>>& files() const { return files_; }
  /// Bytes of all tensors together.
  uint64_t total_bytes() const;

 private:
  void add_file(const std::filesystem::path& path);
  void read_index(const std::filesystem::path& index);
  std::filesystem::path path_;
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  std::map<std::string, LocatedTensor> tensors_;
};

/// A tensor to be written; `data` is read when write_safetensors runs.
struct TensorToStore {
  std::string name;
  StoredType type = StoredType::kF32;
  std::vector<int64_t> shape;
  const void* data = nullptr;  ///< contiguous, product(shape) elements; may be null when that is 0
};

/// Writes a file that is byte for byte what the reference library writes for the same tensors and
/// metadata: tensors by element type (widest first, the reverse of StoredType), then by name; header padded
/// with blanks to a multiple of 8. The file appears whole or not at all. Names given twice, or the reserved
/// "__metadata__", are the caller's bug: std::invalid_argument.
void write_safetensors(const std::filesystem::path& path, std::vector<TensorToStore> tensors,
                       const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

}  // namespace hone
