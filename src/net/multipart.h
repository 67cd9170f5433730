// multipart/form-data (RFC 7578) read as it arrives, in constant memory.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace hone::net {

/// The boundary of a Content-Type of multipart/form-data; "" for any other type. Throws Fault 400 for a boundary that
/// is missing, empty or longer than 70 bytes.
std::string multipart_boundary(std::string_view content_type);

struct PartHead {
  std::string name, filename, content_type;
  bool is_file = false;  ///< a filename was given, be it empty
};

/// What the parser tells, in this order for each part: begin, data any number of times, end.
class PartSink {
 public:
  virtual ~PartSink() = default;
  virtual void begin(PartHead head) = 0;
  virtual void data(std::string_view bytes) = 0;
  virtual void end() = 0;
};

struct MultipartLimits {
  size_t parts = 1024;
  size_t head_bytes = 16 << 10;  ///< of one part
};

class MultipartParser {
 public:
  MultipartParser(const std::string& boundary, PartSink& sink, MultipartLimits limits);

  /// The next bytes of the body, cut anywhere. Throws Fault 400 for what is malformed; what the sink throws goes
  /// through.
  void feed(std::string_view bytes);
  /// The body has ended: throws Fault 400 unless the closing boundary came.
  void finish() const;

 private:
  enum class State { kPreamble, kBody, kAfterBoundary, kHead, kEpilogue };
  bool step();
  bool to_boundary();
  bool after_boundary();
  bool head();

  std::string delimiter_;  // CR LF -- boundary
  PartSink& sink_;
  MultipartLimits limits_;
  State state_ = State::kPreamble;
  std::string held_;  // what came and was not used yet; after feed() shorter than a delimiter or a head
  size_t at_ = 0;     // used up to here
  size_t parts_ = 0;
};

/// The fields of one part's head, lines ended by CR LF. Throws Fault 400.
PartHead parse_part_head(std::string_view text);

}  // namespace hone::net
