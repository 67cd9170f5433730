// TensorBoard's event files, written without TensorFlow: records framed as TFRecord (length, masked
// CRC-32C of the length, data, masked CRC-32C of the data, all little-endian), each an Event message of
// tensorboard/compat/proto/event.proto in protobuf's wire format.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "track/append_file.h"
#include "track/tracker.h"

namespace hone::track {

/// CRC-32C (Castagnoli), as in RFC 3720 section 12.1.
uint32_t crc32c(std::string_view bytes);
/// TFRecord stores checksums rotated and shifted, since a CRC over data that holds CRCs is weak.
uint32_t masked_crc32c(std::string_view bytes);
std::string tfrecord(std::string_view data);

/// The messages, ready to be framed. Scalars become 32-bit floats, as TensorBoard keeps them; values
/// beyond their range become infinities.
std::string version_event(double wall_time);
std::string scalars_event(int64_t step, double wall_time, std::span<const Scalar> scalars);
std::string text_event(int64_t step, double wall_time, std::string_view name, std::string_view text);
/// Tells readers to forget what earlier files hold for `step` and later ones.
std::string restart_event(int64_t step, double wall_time);

/// A new file events.out.tfevents.SECONDS.HOST.PID.N in `folder`; never one that is there already.
class EventFile {
 public:
  explicit EventFile(const std::filesystem::path& folder);
  void add(std::string_view event);
  void sync() { file_->sync(); }
  const std::filesystem::path& path() const { return file_->path(); }

 private:
  std::unique_ptr<AppendFile> file_;
};

}  // namespace hone::track
