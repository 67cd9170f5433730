// Lines of a ByteSource: bounded, with the place of each.
#pragma once
#include <cstdint>
#include <string_view>

#include "data/readers/byte_source.h"

namespace hone::data {

struct Line {
  std::string_view text;  ///< without its line break; its first KiB when too long; valid until the next call
  uint64_t number = 0;    ///< from 1
  uint64_t byte = 0;
  bool too_long = false;
};

class LineReader {
 public:
  LineReader(ByteSource source, size_t max_bytes) : source_(std::move(source)), max_bytes_(max_bytes) {}
  /// LF and CRLF end a line, and so does the end of the file. False when nothing is left.
  bool next(Line& line);
  size_t max_bytes() const { return max_bytes_; }
  const ByteSource& source() const { return source_; }

 private:
  bool skip_too_long(Line& line);

  ByteSource source_;
  size_t max_bytes_;
  size_t pending_ = 0;  // bytes of the line handed out last, still in the window
  std::string too_long_beginning_;
};

}  // namespace hone::data
