#include "store/blobs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/leftovers.h"
#include "base/strings.h"

namespace hone::store {
namespace fs = std::filesystem;
namespace {

/// Hidden and with the number of the process, as sweep_leftovers knows them; counted, since several threads may write
/// the same content.
fs::path temporary_name(const fs::path& root) {
  static std::atomic<uint64_t> count = 0;
  const auto number = static_cast<unsigned long long>(count.fetch_add(1));
  return root / format(".blob-%llu.tmp-%d", number, static_cast<int>(::getpid()));
}

bool is_hash(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

Blobs::Blobs(fs::path root) : root_(std::move(root)) {
  std::error_code failure;
  fs::create_directories(root_, failure);
  if (failure) fail_write(root_, failure.value());
  sweep_leftovers(root_);
  // All at once, so that a file never depends on the folder of another that is being made.
  bool made = false;
  for (unsigned i = 0; i < 256; ++i) {
    made |= fs::create_directory(root_ / format("%02x", i), failure);
    if (failure) fail_write(root_, failure.value());
  }
  if (made) sync_path(root_);
}

fs::path Blobs::path(const std::string& hash) const {
  if (!is_hash(hash))
    fail_input(excerpt(hash, 80), "is not the SHA-256 of a content", "it has 64 hexadecimal digits in lower case");
  return root_ / hash.substr(0, 2) / hash.substr(2);
}

bool Blobs::contains(const std::string& hash) const {
  std::error_code ignored;
  return fs::is_regular_file(path(hash), ignored);
}

void Blobs::remove(const std::string& hash) {
  const fs::path target = path(hash);
  if (::unlink(target.c_str()) != 0 && errno != ENOENT) fail_write(target, errno);
  sync_path(target.parent_path());
}

std::string Blobs::put(std::string_view content) {
  Writer writer(*this);
  writer.write(content);
  return writer.commit();
}

std::string Blobs::put_file(const fs::path& from) {
  std::string hash = sha256_of_file(from);
  const fs::path target = path(hash);
  if (fs::weakly_canonical(from) == fs::weakly_canonical(target)) return hash;  // it is kept already, there
  if (!contains(hash)) {
    sync_path(from);
    if (::rename(from.c_str(), target.c_str()) != 0) {
      if (errno != EXDEV) fail_write(target, errno);
      Writer writer(*this);
      const MappedFile content(from);
      writer.write(content.view());
      writer.commit();
    }
  }
  // Also where another thread has just renamed the same content to that place, and may not have synced it yet.
  sync_path(target.parent_path());
  ::unlink(from.c_str());
  return hash;
}

Blobs::Writer::Writer(const Blobs& blobs)
    : blobs_(blobs),
      temporary_(temporary_name(blobs.root_)),
      descriptor_(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
  if (descriptor_ < 0) fail_write(temporary_, errno);
}

Blobs::Writer::~Writer() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void Blobs::Writer::write(std::string_view piece) {
  hash_.update(piece);
  bytes_ += piece.size();
  while (!piece.empty()) {
    const ssize_t count = ::write(descriptor_, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_write(temporary_, errno);
    piece.remove_prefix(static_cast<size_t>(count));
  }
}

std::string Blobs::Writer::commit() {
  std::string hash = hash_.digest();
  const fs::path target = blobs_.path(hash);
  if (!blobs_.contains(hash)) {
    if (::fsync(descriptor_) != 0) fail_write(temporary_, errno);
    if (::rename(temporary_.c_str(), target.c_str()) != 0) fail_write(target, errno);
  } else {
    ::unlink(temporary_.c_str());
  }
  ::close(descriptor_);
  descriptor_ = -1;
  sync_path(target.parent_path());
  return hash;
}

}  // namespace hone::store
