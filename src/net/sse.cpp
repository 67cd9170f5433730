#include "net/sse.h"

namespace hone::net {

std::string sse_event(std::string_view data, std::string_view name) {
  std::string out;
  if (!name.empty() && name.find_first_of("\r\n") == std::string_view::npos) out.append("event: ").append(name) += '\n';
  while (true) {
    const size_t end = data.find_first_of("\r\n");
    out.append("data: ").append(data.substr(0, end)) += '\n';
    if (end == std::string_view::npos) break;
    const bool pair = data[end] == '\r' && end + 1 < data.size() && data[end + 1] == '\n';
    data.remove_prefix(end + (pair ? 2 : 1));
  }
  return out += '\n';
}

std::string sse_comment(std::string_view text) {
  std::string out = ": ";
  for (const char c : text) out += c == '\r' || c == '\n' ? ' ' : c;
  return out += "\n\n";
}

}  // namespace hone::net
