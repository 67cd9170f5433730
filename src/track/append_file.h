// A file that only grows, one whole record at a time: each append() is one write to a descriptor opened
// with O_APPEND, so that a killed process leaves at most the last record torn.
#pragma once
#include <filesystem>
#include <string_view>

namespace hone::track {

class AppendFile {
 public:
  enum class Open { kExistingOrNew, kNewOnly };
  /// Makes the folder if it is missing. kNewOnly: see is_open().
  explicit AppendFile(std::filesystem::path path, Open how = Open::kExistingOrNew);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  /// False only with kNewOnly where a file of that name was there already.
  bool is_open() const { return descriptor_ >= 0; }
  const std::filesystem::path& path() const { return path_; }
  /// Throws Error(kFailure) when the disk is full or the file cannot be written.
  void append(std::string_view record);
  /// Waits until everything appended is on the disk.
  void sync();

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace hone::track
