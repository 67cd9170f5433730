// Server-sent events (the WHATWG's HTML standard, section 9.2) as text for Stream::write.
#pragma once
#include <string>
#include <string_view>

namespace hone::net {

/// "event: NAME", one "data: " line for each line of `data` (ended by LF, CR LF or CR), and an empty line. A `name`
/// that is empty or holds a line end is left out.
std::string sse_event(std::string_view data, std::string_view name = "");

/// A line that readers skip: keeps proxies from closing an idle stream. Line ends in `text` become blanks.
std::string sse_comment(std::string_view text = "");

}  // namespace hone::net
