// The head of an answer as bytes.
#pragma once
#include <cstdint>
#include <string>

#include "net/message.h"

namespace hone::net {

enum class Framing { kLength, kChunked, kUntilClose, kNoBody };

struct HeadOptions {
  Framing framing = Framing::kLength;
  int64_t length = 0;
  bool keep_alive = true;
  std::string request_id;
};

/// Status line, Date, the fields, and those that frame the body. Throws Error(kFailure) for a field whose name or value
/// could start a line of its own, or that says what this server says (Content-Length, Transfer-Encoding, Connection).
std::string response_head(int status, const Fields& fields, const HeadOptions& options);

/// "Not Found"; "" for a status without a phrase.
const char* reason_phrase(int status);

/// 204 and 304, which end with their head.
bool has_no_body(int status);

/// What x-request-id is answered with: `given` when it is 1-128 characters of [A-Za-z0-9._:-], else a new one.
std::string request_id(const std::string* given);

/// `data` as one chunk of a chunked body; the last one is kLastChunk.
std::string chunk(const std::string& data);
inline constexpr const char* kLastChunk = "0\r\n\r\n";

}  // namespace hone::net
