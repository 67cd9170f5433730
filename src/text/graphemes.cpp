#include "text/graphemes.h"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>

#include "text/unicode.h"

namespace hone::text {
namespace {

/// Code points whose cluster property is not utf8proc's, and one that has it there.
struct StandIn {
  uint32_t first, last, like;
};
#include "text/graphemes.inc"

/// Characters that neither join what stands before them nor are joined by others of this kind.
bool stands_alone(uint32_t code) {
  if (code < 0x300) return code != '\r' && code != '\n';
  return (code >= 0xAC00 && code <= 0xD7A3) || (code >= 0x4E00 && code <= 0x9FFF) ||
         (code >= 0x3041 && code <= 0x3096) || (code >= 0x30A1 && code <= 0x30FA) ||
         (code >= 0x2010 && code <= 0x2027) || (code >= 0x410 && code <= 0x44F);
}

utf8proc_int32_t property_of(uint32_t code) {
  const auto* it = std::upper_bound(std::begin(kStandIns), std::end(kStandIns), code,
                                    [](uint32_t value, const StandIn& range) { return value < range.first; });
  if (it != std::begin(kStandIns) && code <= std::prev(it)->last) code = std::prev(it)->like;
  return static_cast<utf8proc_int32_t>(code);
}

}  // namespace

size_t cluster_end(std::string_view text, size_t at) {
  uint32_t code = next_code(text, at);
  utf8proc_int32_t state = 0;
  while (at < text.size()) {
    size_t after = at;
    const uint32_t next = next_code(text, after);
    if (stands_alone(code) && stands_alone(next)) break;
    if (utf8proc_grapheme_break_stateful(property_of(code), property_of(next), &state)) break;
    code = next;
    at = after;
  }
  return at;
}

}  // namespace hone::text
