// The head of a request: request line and header fields (RFC 9112), and how long the body is. Strict where
// leniency lets two servers read one stream of bytes differently (request smuggling): lines end with CR LF alone, no
// folded fields, one Content-Length at most, never together with Transfer-Encoding.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "net/message.h"

namespace hone::net {

struct HeadLimits {
  size_t target_bytes = 8 << 10;  ///< of the request target; 414
  size_t bytes = 64 << 10;        ///< of the whole head; 431
  size_t fields = 100;            ///< header fields; 431
};

/// Finds the end of a head that arrives in pieces. Bytes that can belong to no head are refused when they come, not
/// when their line ends, so that a client that speaks something else is not waited for.
class HeadScanner {
 public:
  explicit HeadScanner(const HeadLimits& limits) : limits_(limits) {}
  /// `input` is all that has come so far. Size of the head with its empty line, or 0 while it is not complete. Throws
  /// Fault: 400 for a control character or a line that does not end with CR LF, 414 and 431 for what is too long.
  size_t scan(std::string_view input);

 private:
  HeadLimits limits_;
  size_t seen_ = 0, line_ = 0, lines_ = 0;
};

struct Head {
  std::string method, target;
  int minor = 1;   ///< HTTP/1.minor
  Fields headers;  ///< names in lower case, values trimmed
  bool keep_alive = true;
  bool chunked = false;
  int64_t content_length = -1;  ///< -1: none given
  bool expects_continue = false;

  bool has_body() const { return chunked || content_length > 0; }
  const std::string* header(std::string_view lower_case_name) const;
};

/// `text` is a whole head as HeadScanner found it. Throws Fault: 400, 413 (a length past 2^63), 417, 431, 505.
Head parse_head(std::string_view text, const HeadLimits& limits);

/// One line "name: value" without its end, as in a head or a trailer. Throws Fault 400.
std::pair<std::string, std::string> parse_field(std::string_view line);

bool is_token(std::string_view text);  ///< RFC 9110 5.6.2
/// May stand in a header: no control characters but tab.
bool is_field_value(std::string_view text);

}  // namespace hone::net
