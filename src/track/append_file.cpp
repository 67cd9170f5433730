#include "track/append_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"

namespace hone::track {
AppendFile::AppendFile(std::filesystem::path path, Open how) : path_(std::move(path)) {
  std::error_code ignored;  // open() reports whatever stood in the way
  if (path_.has_parent_path()) std::filesystem::create_directories(path_.parent_path(), ignored);
  const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (how == Open::kNewOnly ? O_EXCL : 0);
  descriptor_ = ::open(path_.c_str(), flags, 0644);
  if (descriptor_ < 0 && !(how == Open::kNewOnly && errno == EEXIST)) fail_write(path_, errno);
}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void AppendFile::append(std::string_view record) {
  while (!record.empty()) {
    const ssize_t count = ::write(descriptor_, record.data(), record.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_write(path_, errno);
    record.remove_prefix(static_cast<size_t>(count));
  }
}

void AppendFile::sync() {
  // Pipes and some file systems cannot sync and say EINVAL; nothing more can be done there.
  if (::fsync(descriptor_) != 0 && errno != EINVAL) fail_write(path_, errno);
}

}  // namespace hone::track
