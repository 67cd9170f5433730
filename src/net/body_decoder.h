// Where the body of a request ends: after Content-Length bytes, or with the last chunk (RFC 9112 7.1). Incremental, and
// strict: a chunk size is hexadecimal digits, lines end with CR LF alone. Extensions and trailers are read past and
// never become part of the request.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "net/head.h"

namespace hone::net {

class BodyDecoder {
 public:
  /// `limit` is the most bytes a body may have; a declared length above it is refused here, with Fault 413.
  BodyDecoder(const Head& head, int64_t limit);

  /// Takes bytes from the front of `input` and appends what they hold to `out`. Returns how many were taken: all of
  /// them unless the body ended. Throws Fault 400 for bad framing, 413 past the limit.
  size_t decode(std::string_view input, std::string& out);
  bool done() const { return state_ == State::kDone; }
  int64_t bytes() const { return bytes_; }

 private:
  enum class State { kData, kChunkLine, kChunkData, kChunkEnd, kTrailer, kDone };
  void add_data(std::string_view& input, std::string& out);
  bool take_line(std::string_view& input);
  void chunk_line();

  State state_;
  int64_t limit_, left_, bytes_ = 0;
  std::string line_;      // the part of a chunk line or trailer that has come
  size_t read_past_ = 0;  // bytes of extensions and trailers
};

}  // namespace hone::net
