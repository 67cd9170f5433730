#include <sys/stat.h>

#include <set>
#include <utility>

#include "serve/files/files_api.h"

namespace hone::serve {
namespace fs = std::filesystem;

int64_t stored_bytes(const fs::path& data) {
  int64_t sum = 0;
  std::set<std::pair<dev_t, ino_t>> seen;  // of files with several names
  for (const char* folder : {"blobs", "jobs", "models"}) {
    std::error_code fault;  // a job's files come and go while they are counted
    for (auto at =
             fs::recursive_directory_iterator(data / folder, fs::directory_options::skip_permission_denied, fault);
         !fault && at != fs::recursive_directory_iterator(); at.increment(fault)) {
      struct stat status {};
      if (::lstat(at->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
      if (status.st_nlink > 1 && !seen.insert({status.st_dev, status.st_ino}).second) continue;
      sum += status.st_size;
    }
  }
  return sum;
}

}  // namespace hone::serve
