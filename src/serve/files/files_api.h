// /v1/files: upload, list, retrieve, content, delete.
#pragma once
#include <filesystem>

#include "net/server.h"
#include "serve/files/files.h"

namespace hone::serve {

struct FileLimits {
  int64_t max_bytes = int64_t{512} << 20;  ///< of one file, as at OpenAI
  int64_t max_stored = 0;                  ///< of all contents, jobs and models together; 0: as much as the disk holds
};

/// Bytes of what files, jobs and models take below the data folder; a content under several names counts once.
int64_t stored_bytes(const std::filesystem::path& data);

/// The arguments must outlive the server.
void add_files_api(net::Server& server, Files& files, Records& records, const FileLimits& limits);

}  // namespace hone::serve
