// A folder of files kept under the SHA-256 of their content: uploads, results, adapters.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "store/sha256.h"

namespace hone::store {

/// A file lies at root/ab/cdef…, where abcdef… is its hash. It appears whole or not at all (written beside, synced,
/// renamed, the folder synced), and the same content is stored once. Once a call has returned, the content survives a
/// crash of the machine. Threads and processes may share a root. Nothing here counts who still needs a file: remove()
/// what no row of the database names.
class Blobs {
 public:
  /// Makes the folder if it is missing, and removes what processes that ended in the middle of writing have left in it.
  explicit Blobs(std::filesystem::path root);

  /// Keeps `content`; returns its hash. Throws Error where the disk is full.
  std::string put(std::string_view content);
  /// Keeps the content of `from` and removes `from`: moved where it is on the same disk, copied where it is not. It
  /// must be a regular file that nobody writes to any longer. If this throws, `from` is as it was.
  std::string put_file(const std::filesystem::path& from);

  /// Where the file with this hash lies if it is kept; throws Error(kInput) for what is no hash.
  std::filesystem::path path(const std::string& hash) const;
  bool contains(const std::string& hash) const;
  /// Does nothing if it is not there.
  void remove(const std::string& hash);

  /// Content that comes in pieces, e.g. an upload. Destroyed without commit(), nothing is kept.
  class Writer {
   public:
    /// `blobs` must outlive this.
    explicit Writer(const Blobs& blobs);
    ~Writer();
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    void write(std::string_view piece);
    uint64_t bytes_written() const { return bytes_; }
    /// Returns the hash; to be called once.
    std::string commit();

   private:
    const Blobs& blobs_;
    std::filesystem::path temporary_;
    int descriptor_;
    uint64_t bytes_ = 0;
    Sha256 hash_;
  };

 private:
  std::filesystem::path root_;
};

}  // namespace hone::store
