// The target of a request taken apart: RFC 3986, decoded exactly once.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "net/message.h"

namespace hone::net {

struct Target {
  std::vector<std::string> segments;  ///< of the path, decoded; "/a/b" has 2, "/a/" has "a" and ""
  std::string path;                   ///< the segments joined; "/" inside one is written %2F (Request::path)
  Fields query;
};

/// %XX decoded; throws Fault 400 when it is not two hexadecimal digits, or the result is not UTF-8.
std::string percent_decoded(std::string_view text, bool plus_is_blank = false);

/// Origin form ("/a?b=c") and absolute form ("http://host/a?b=c"); "*" has no segments. Throws Fault 400 for a path or
/// query that is malformed, not UTF-8, or hides control characters (NUL in a query).
Target parse_target(std::string_view target);

}  // namespace hone::net
