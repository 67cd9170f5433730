#include "track/event_file.h"

#include <unistd.h>

#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "base/strings.h"

namespace hone::track {
namespace {

// --- protobuf's wire format ----------------------------------------------------------------------

enum class Wire { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

template <typename Integer>
void put_little_endian(std::string& out, Integer value) {
  for (size_t i = 0; i < sizeof(Integer); ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

void put_tag(std::string& out, uint32_t field, Wire wire) {
  put_varint(out, field << 3 | static_cast<uint32_t>(wire));
}

void put_bytes(std::string& out, uint32_t field, std::string_view bytes) {
  put_tag(out, field, Wire::kBytes);
  put_varint(out, bytes.size());
  out += bytes;
}

void put_integer(std::string& out, uint32_t field, int64_t value) {
  put_tag(out, field, Wire::kVarint);
  put_varint(out, static_cast<uint64_t>(value));
}

void put_double(std::string& out, uint32_t field, double value) {
  put_tag(out, field, Wire::kFixed64);
  put_little_endian(out, std::bit_cast<uint64_t>(value));
}

void put_float(std::string& out, uint32_t field, double value) {
  // Converting a double beyond the range of float is undefined; say what becomes of it.
  constexpr double kLargest = std::numeric_limits<float>::max();
  const float narrowed = std::abs(value) > kLargest
                             ? std::copysign(std::numeric_limits<float>::infinity(), value < 0 ? -1.0f : 1.0f)
                             : static_cast<float>(value);
  put_tag(out, field, Wire::kFixed32);
  put_little_endian(out, std::bit_cast<uint32_t>(narrowed));
}

// --- field numbers of event.proto, summary.proto and tensor.proto -------------------------------

namespace event {
constexpr uint32_t kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7;
}
namespace session_log {
constexpr uint32_t kStatus = 1;
constexpr int64_t kStart = 1;
}  // namespace session_log
namespace summary {
constexpr uint32_t kValue = 1, kTag = 1, kSimpleValue = 2, kTensor = 8, kMetadata = 9;
}
namespace metadata {
constexpr uint32_t kPluginData = 1, kPluginName = 1;
}
namespace tensor {
constexpr uint32_t kType = 1, kShape = 2, kStringValue = 8, kDimension = 2, kSize = 1;
constexpr int64_t kString = 7;  // DT_STRING
}  // namespace tensor

std::string event_head(int64_t step, double wall_time) {
  std::string out;
  put_double(out, event::kWallTime, wall_time);
  if (step != 0) put_integer(out, event::kStep, step);
  return out;
}

/// Strings of protobuf must be UTF-8; anything else would make a reader refuse the whole file.
std::string printable(std::string_view text) {
  return excerpt(text, text.size());
}

constexpr std::array<uint32_t, 256> make_crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0u);  // the polynomial, reversed
    table[byte] = crc;
  }
  return table;
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static constexpr std::array<uint32_t, 256> kTable = make_crc_table();
  uint32_t crc = 0xFFFFFFFF;
  for (const char byte : bytes) crc = crc >> 8 ^ kTable[(crc ^ static_cast<uint8_t>(byte)) & 0xFF];
  return ~crc;
}

uint32_t masked_crc32c(std::string_view bytes) {
  return std::rotr(crc32c(bytes), 15) + 0xA282EAD8u;
}

std::string tfrecord(std::string_view data) {
  std::string out;
  put_little_endian(out, uint64_t{data.size()});
  put_little_endian(out, masked_crc32c(out));
  out += data;
  put_little_endian(out, masked_crc32c(data));
  return out;
}

std::string version_event(double wall_time) {
  std::string out = event_head(0, wall_time);
  put_bytes(out, event::kFileVersion, "brain.Event:2");
  return out;
}

std::string scalars_event(int64_t step, double wall_time, std::span<const Scalar> scalars) {
  std::string values;
  for (const Scalar& scalar : scalars) {
    std::string value;
    put_bytes(value, summary::kTag, printable(scalar.name));
    put_float(value, summary::kSimpleValue, scalar.value);
    put_bytes(values, summary::kValue, value);
  }
  std::string out = event_head(step, wall_time);
  put_bytes(out, event::kSummary, values);
  return out;
}

std::string text_event(int64_t step, double wall_time, std::string_view name, std::string_view text) {
  std::string plugin, described, dimension, shape, content, value, values;
  put_bytes(plugin, metadata::kPluginName, "text");
  put_bytes(described, metadata::kPluginData, plugin);
  put_integer(dimension, tensor::kSize, 1);
  put_bytes(shape, tensor::kDimension, dimension);
  put_integer(content, tensor::kType, tensor::kString);
  put_bytes(content, tensor::kShape, shape);
  put_bytes(content, tensor::kStringValue, text);
  put_bytes(value, summary::kTag, printable(name));
  put_bytes(value, summary::kTensor, content);
  put_bytes(value, summary::kMetadata, described);
  put_bytes(values, summary::kValue, value);
  std::string out = event_head(step, wall_time);
  put_bytes(out, event::kSummary, values);
  return out;
}

std::string restart_event(int64_t step, double wall_time) {
  std::string status, out = event_head(step, wall_time);
  put_integer(status, session_log::kStatus, session_log::kStart);
  put_bytes(out, event::kSessionLog, status);
  return out;
}

EventFile::EventFile(const std::filesystem::path& folder) {
  char host[256] = "localhost";
  if (::gethostname(host, sizeof host - 1) != 0 || host[0] == '\0') std::snprintf(host, sizeof host, "localhost");
  for (char& letter : host) letter = letter == '/' ? '_' : letter;
  const double now = wall_time_now();
  for (int attempt = 0; file_ == nullptr || !file_->is_open(); ++attempt) {
    const std::string name = format("events.out.tfevents.%010lld.%s.%d.%d", static_cast<long long>(now), host,
                                    static_cast<int>(::getpid()), attempt);
    file_ = std::make_unique<AppendFile>(folder / name, AppendFile::Open::kNewOnly);
  }
  add(version_event(now));
}

void EventFile::add(std::string_view event) {
  file_->append(tfrecord(event));
}

}  // namespace hone::track
