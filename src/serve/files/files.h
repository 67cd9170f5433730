// Uploaded files and results: rows of the table `files`, contents in a folder by hash.
#pragma once
#include <filesystem>
#include <string>

#include "serve/keys.h"
#include "serve/records.h"
#include "store/blobs.h"

namespace hone::serve {

/// The API's file object.
Json file_json(const FileRecord& file);

/// Thread-safe: transactions come one after the other, and a content goes only within one that finds no row naming it.
class Files {
 public:
  Files(Records& records, store::Blobs& blobs) : records_(records), blobs_(blobs) {}

  /// Takes a copy of the content in, without copying where it lies on the same disk; the same content lies there once.
  /// May be called in a transaction, and be done again with it.
  FileRecord add(FileRecord file, const std::filesystem::path& content);
  /// A file that the caller may see; throws ApiError(404).
  FileRecord get(const std::string& id, const Caller& caller);
  std::filesystem::path content(const FileRecord& file) const { return blobs_.path(file.sha256); }
  void remove(const FileRecord& file);
  /// Removes files that have expired.
  void sweep();

 private:
  std::string keep(const std::filesystem::path& content);

  Records& records_;
  store::Blobs& blobs_;
};

}  // namespace hone::serve
