// /v1/files: upload, list, retrieve, content, delete.
#pragma once
#include "net/server.h"
#include "serve/files/files.h"

namespace hone::serve {

struct FileLimits {
  int64_t max_bytes = int64_t{512} << 20;  ///< of one file, as at OpenAI
};

/// The arguments must outlive the server.
void add_files_api(net::Server& server, Files& files, Records& records, const FileLimits& limits);

}  // namespace hone::serve
