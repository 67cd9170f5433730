#include "base/leftovers.h"

#include <signal.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

namespace hone {
namespace fs = std::filesystem;
namespace {

constexpr const char* kMark = ".tmp-";  // .NAME.tmp-PID, and .NAME.tmp-PID.old for what was there before

struct Leftover {
  fs::path path, target;
  bool moved_aside = false;
};

/// False for any other name, and while the process lives.
bool parse(const fs::path& path, Leftover& found) {
  const std::string name = path.filename().string();
  const size_t mark = name.rfind(kMark);
  if (name.front() != '.' || mark == std::string::npos || mark < 2) return false;
  const std::string process = name.substr(mark + std::string(kMark).size());
  char* end = nullptr;
  const long number = std::strtol(process.c_str(), &end, 10);
  found = {path, path.parent_path() / name.substr(1, mark - 1), std::string(end) == ".old"};
  if (number <= 0 || (*end != '\0' && !found.moved_aside)) return false;
  return ::kill(static_cast<pid_t>(number), 0) != 0 && errno == ESRCH;
}

}  // namespace

void sweep_leftovers(const fs::path& folder) {
  std::error_code ignored;
  std::vector<Leftover> all;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    Leftover found;
    if (parse(entry.path(), found)) all.push_back(found);
  }
  for (const Leftover& leftover : all) {
    if (leftover.moved_aside && !fs::exists(leftover.target, ignored))
      fs::rename(leftover.path, leftover.target, ignored);
    else
      fs::remove_all(leftover.path, ignored);
  }
}

}  // namespace hone
