#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/failures.h"
#include "base/strings.h"

namespace hone {
namespace fs = std::filesystem;
namespace {

std::string reason() {
  return std::strerror(errno);
}

fs::path temporary_name(const fs::path& path) {
  return path.parent_path() / ("." + path.filename().string() + format(".tmp-%d", static_cast<int>(::getpid())));
}

fs::path parent_or_here(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

}  // namespace

void fail_write(const fs::path& path, int code) {
  const std::string what = std::string("cannot be written: ") + std::strerror(code);
  if (code == ENOSPC || code == EDQUOT || code == EFBIG) {
    throw DiskFull(path.string(), what,
                   "free space on that disk and run the same command again; nothing was half-written");
  }
  fail_work(path.string(), what, "check that the folder exists and may be written to");
}

void sync_path(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail_write(path, errno);
  // A file system without fsync for folders answers EINVAL; there is nothing more we could do then.
  const bool failed = ::fsync(descriptor) != 0 && errno != EINVAL;
  const int code = errno;
  ::close(descriptor);
  if (failed) fail_write(path, code);
}

void require_exists(const fs::path& path, const std::string& what) {
  std::error_code ignored;
  if (fs::exists(path, ignored)) return;
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(parent_or_here(path), ignored)) {
    names.push_back(entry.path().filename().string());
  }
  const std::string near = closest(path.filename().string(), names);
  fail_input(path.string(), what + " does not exist",
             near.empty() ? "check the path; it is taken relative to " + fs::current_path(ignored).string()
                          : "did you mean " + (path.parent_path() / near).string() + "?");
}

MappedFile::MappedFile(const fs::path& path) {
  require_exists(path, "file");
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail_input(path.string(), "cannot be opened: " + reason());
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    fail_input(path.string(), "is not a regular file");
  }
  size_ = static_cast<size_t>(status.st_size);
  if (size_ > 0) {
    void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
    ::close(descriptor);
    if (address == MAP_FAILED) fail_work(path.string(), "cannot be mapped: " + reason());
    const size_t size = size_;
    holder_ = std::shared_ptr<const void>(address, [size](void* mapped) { ::munmap(mapped, size); });
    data_ = static_cast<const char*>(address);
  } else {
    ::close(descriptor);
  }
}

std::string read_file(const fs::path& path) {
  require_exists(path, "file");
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail_input(path.string(), "cannot be opened: " + reason());
  std::string content;
  char buffer[1 << 16];
  while (true) {
    const ssize_t count = ::read(descriptor, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const std::string why = reason();
      ::close(descriptor);
      fail_input(path.string(), "cannot be read: " + why);
    }
    if (count == 0) break;
    content.append(buffer, static_cast<size_t>(count));
  }
  ::close(descriptor);
  return content;
}

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)), temporary_(temporary_name(path_)) {
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail_write(path_, errno);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, size_t size) {
  const char* from = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t count = ::write(descriptor_, from, size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_write(path_, errno);
    from += count;
    size -= static_cast<size_t>(count);
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) fail_write(path_, errno);
  ::close(descriptor_);
  descriptor_ = -1;
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const int code = errno;
    ::unlink(temporary_.c_str());
    fail_write(path_, code);
  }
  sync_path(parent_or_here(path_));
}

void write_file(const fs::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

void write_folder(const fs::path& path, const std::function<void(const fs::path&)>& fill) {
  const fs::path target = path.has_filename() ? path : path.parent_path();
  const fs::path temporary = temporary_name(target), old = temporary.string() + ".old";
  std::error_code failure;
  fs::create_directories(parent_or_here(target), failure);
  if (failure) fail_write(target, failure.value());
  fs::remove_all(temporary, failure);
  fs::create_directory(temporary, failure);
  if (failure) fail_write(target, failure.value());
  try {
    fill(temporary);
    for (const auto& entry : fs::recursive_directory_iterator(temporary)) sync_path(entry.path());
    sync_path(temporary);
    const bool replaces = fs::exists(target);
    if (replaces) fs::rename(target, old);
    fs::rename(temporary, target);
    sync_path(parent_or_here(target));
    if (replaces) fs::remove_all(old, failure);
  } catch (const fs::filesystem_error& fault) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    fail_write(target, fault.code().value());
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  }
}

}  // namespace hone
