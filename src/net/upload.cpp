#include "net/upload.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <random>
#include <utility>

#include "base/file.h"
#include "base/strings.h"
#include "net/fault.h"

namespace hone::net {
namespace {

constexpr int64_t kCostOfPart = 256;  // what an empty field takes, so that many of them count too

}  // namespace

SpooledFiles::~SpooledFiles() {
  for (const auto& path : paths_) ::unlink(path.c_str());
  *meter_ -= bytes_;
}

std::filesystem::path SpooledFiles::add(const std::filesystem::path& folder) {
  // Random and not counted: a name must not come again while the owner of an earlier one may still remove it.
  std::random_device random;
  paths_.push_back(folder / format(".upload-%08x%08x%08x.tmp-%d", random(), random(), random(), ::getpid()));
  return paths_.back();
}

int64_t SpooledFiles::grow(int64_t bytes) {
  bytes_ += bytes;
  return *meter_ += bytes;
}

UploadSink::UploadSink(std::filesystem::path spool, Limits limits, std::shared_ptr<std::atomic<int64_t>> meter)
    : spool_(std::move(spool)), limits_(std::move(limits)), files_(std::make_shared<SpooledFiles>(std::move(meter))) {}

UploadSink::~UploadSink() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void UploadSink::begin(PartHead head) {
  Part part{.name = std::move(head.name),
            .filename = std::move(head.filename),
            .content_type = std::move(head.content_type),
            .is_file = head.is_file};
  if (part.is_file) {
    if (spool_.empty()) throw Fault(400, "invalid_multipart", "files are not taken here");
    room_ = limits_.spool_room ? limits_.spool_room() : std::numeric_limits<int64_t>::max();
    part.file = files_->add(spool_);
    descriptor_ = ::open(part.file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor_ < 0) fail_write(part.file, errno);
  }
  parts_.push_back(std::move(part));
  if (!parts_.back().is_file) data({});
}

void UploadSink::data(std::string_view bytes) {
  Part& part = parts_.back();
  part.bytes += static_cast<int64_t>(bytes.size());
  if (!part.is_file) {
    field_bytes_ += static_cast<int64_t>(bytes.size()) + (bytes.empty() ? kCostOfPart : 0);
    if (field_bytes_ > limits_.field_bytes)
      throw Fault(413, "request_too_large",
                  "the fields of the form are larger than " + with_commas(limits_.field_bytes) + " bytes together");
    part.body.append(bytes);
    return;
  }
  if (part.bytes > limits_.file_bytes)
    throw Fault(413, "request_too_large",
                "the file is larger than the limit of " + with_commas(limits_.file_bytes) + " bytes");
  if (files_->grow(static_cast<int64_t>(bytes.size())) > room_)
    throw Fault(413, "storage_limit_exceeded", "this server has no room for the file; delete some that are not needed");
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_write(part.file, errno);
    bytes.remove_prefix(static_cast<size_t>(count));
  }
}

void UploadSink::end() {
  if (descriptor_ < 0) return;
  const int descriptor = std::exchange(descriptor_, -1);
  if (::close(descriptor) != 0 && errno != EINTR) fail_write(parts_.back().file, errno);
}

void UploadSink::give_to(Request& request) {
  request.parts = std::move(parts_);
  request.spooled = std::move(files_);
}

}  // namespace hone::net
