// The parts of a multipart body on their way to the handler: files into the spool folder, fields into memory.
#pragma once
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/message.h"
#include "net/multipart.h"

namespace hone::net {

/// Files that are removed when the last owner goes. One that was moved away meanwhile is not missed.
class SpooledFiles {
 public:
  /// `meter` counts the bytes of all such files.
  explicit SpooledFiles(std::shared_ptr<std::atomic<int64_t>> meter) : meter_(std::move(meter)) {}
  ~SpooledFiles();
  SpooledFiles(const SpooledFiles&) = delete;
  SpooledFiles& operator=(const SpooledFiles&) = delete;
  /// A new name in `folder` of the form that base/leftovers.h sweeps should this process be killed.
  std::filesystem::path add(const std::filesystem::path& folder);
  /// Counts bytes that are about to be written; the meter's new sum.
  int64_t grow(int64_t bytes);

 private:
  std::vector<std::filesystem::path> paths_;
  std::shared_ptr<std::atomic<int64_t>> meter_;
  int64_t bytes_ = 0;
};

class UploadSink : public PartSink {
 public:
  struct Limits {
    int64_t file_bytes;                   ///< of one file; 413
    int64_t field_bytes;                  ///< of all other parts together; 413
    std::function<int64_t()> spool_room;  ///< what the meter may show at most; 413. Empty: as much as the disk holds
  };
  /// `meter` counts the bytes that all sinks and their requests have in the spool.
  UploadSink(std::filesystem::path spool, Limits limits,
             std::shared_ptr<std::atomic<int64_t>> meter = std::make_shared<std::atomic<int64_t>>(0));
  ~UploadSink() override;
  UploadSink(const UploadSink&) = delete;
  UploadSink& operator=(const UploadSink&) = delete;

  void begin(PartHead head) override;
  void data(std::string_view bytes) override;
  void end() override;
  /// Hands parts and ownership of their files to the request.
  void give_to(Request& request);

 private:
  std::filesystem::path spool_;
  Limits limits_;
  std::vector<Part> parts_;
  std::shared_ptr<SpooledFiles> files_;
  int descriptor_ = -1;
  int64_t field_bytes_ = 0, room_ = 0;
};

}  // namespace hone::net
