// Files that are read in place and written whole or not at all.
#pragma once
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace hone {

/// A read-only memory map of a whole file. Unmapped when the last copy of `holder()` goes.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  const char* data() const { return data_; }
  size_t size() const { return size_; }
  std::string_view view() const { return {data_, size_}; }
  /// Keeps the mapping alive for views that outlive this object (tensors made from it).
  std::shared_ptr<const void> holder() const { return holder_; }

 private:
  std::shared_ptr<const void> holder_;
  const char* data_ = nullptr;
  size_t size_ = 0;
};

/// The whole file; a missing or unreadable one throws Error naming it (and a near name if any).
std::string read_file(const std::filesystem::path& path);

/// Writes to a temporary name beside `path`, syncs, renames: `path` is the old file or the new one.
/// A full disk or missing permission throws Error and leaves no temporary file.
void write_file(const std::filesystem::path& path, std::string_view content);

/// Same promise for content that is written in pieces: call write() any number of times, then
/// commit(). Destroyed without commit(), nothing appears at `path`.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void write(const void* data, size_t size);
  void write(std::string_view text) { write(text.data(), text.size()); }
  void commit();

 private:
  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
};

/// Fills a new folder under a temporary name, syncs every file in it, then renames it to `path`.
/// An existing folder there is replaced. If `fill` throws, nothing is left behind.
void write_folder(const std::filesystem::path& path, const std::function<void(const std::filesystem::path&)>& fill);

/// Waits until what `path` (a file or a folder's names) holds is on the disk; throws as fail_write does.
void sync_path(const std::filesystem::path& path);

/// What a failed write, sync or rename comes to; `code` is its errno. Throws DiskFull (base/failures.h) where space,
/// quota or the allowed size of a file is at its end, Error(kFailure) otherwise.
[[noreturn]] void fail_write(const std::filesystem::path& path, int code);

/// Throws Error(kInput) unless `path` exists; offers the closest name in its folder.
void require_exists(const std::filesystem::path& path, const std::string& what);

}  // namespace hone
