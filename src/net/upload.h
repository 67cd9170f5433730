// The parts of a multipart body on their way to the handler: files into the spool folder, fields into memory.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "net/message.h"
#include "net/multipart.h"

namespace hone::net {

/// Files that are removed when the last owner goes. One that was moved away meanwhile is not missed.
class SpooledFiles {
 public:
  SpooledFiles() = default;
  ~SpooledFiles();
  SpooledFiles(const SpooledFiles&) = delete;
  SpooledFiles& operator=(const SpooledFiles&) = delete;
  /// A new name in `folder` of the form that base/leftovers.h sweeps should this process be killed.
  std::filesystem::path add(const std::filesystem::path& folder);

 private:
  std::vector<std::filesystem::path> paths_;
};

class UploadSink : public PartSink {
 public:
  struct Limits {
    int64_t file_bytes;   ///< of one file; 413
    int64_t field_bytes;  ///< of all other parts together; 413
  };
  UploadSink(std::filesystem::path spool, Limits limits);
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
  std::shared_ptr<SpooledFiles> files_ = std::make_shared<SpooledFiles>();
  int descriptor_ = -1;
  int64_t field_bytes_ = 0;
};

}  // namespace hone::net
