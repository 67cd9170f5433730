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
struct CodeRange {
  uint32_t first, last;
};
#include "text/graphemes.inc"

/// Characters that neither join what stands before them nor are joined by others of this kind.
bool stands_alone(uint32_t code) {
  if (code < 0x300) return code != '\r' && code != '\n';
  return (code >= 0xAC00 && code <= 0xD7A3) || (code >= 0x4E00 && code <= 0x9FFF) ||
         (code >= 0x3041 && code <= 0x3096) || (code >= 0x30A1 && code <= 0x30FA) ||
         (code >= 0x2010 && code <= 0x2027) || (code >= 0x410 && code <= 0x44F);
}

template <typename Range, size_t n>
const Range* find_range(const Range (&ranges)[n], uint32_t code) {
  const auto* it = std::upper_bound(std::begin(ranges), std::end(ranges), code,
                                    [](uint32_t value, const Range& range) { return value < range.first; });
  return it != std::begin(ranges) && code <= std::prev(it)->last ? std::prev(it) : nullptr;
}

utf8proc_int32_t property_of(uint32_t code) {
  const StandIn* stand_in = find_range(kStandIns, code);
  return static_cast<utf8proc_int32_t>(stand_in ? stand_in->like : code);
}

/// Rule GB9c: consonants with a linker between them, and nothing but marks, are one cluster.
class Conjunct {
 public:
  explicit Conjunct(uint32_t first) { add(first); }

  bool joins(uint32_t next) const { return state_ == kLinked && find_range(kConjunctConsonants, next); }
  /// `code` is part of the cluster.
  void add(uint32_t code) {
    if (find_range(kConjunctConsonants, code)) {
      state_ = kConsonant;
    } else if (state_ == kNone || find_range(kNotInConjuncts, code)) {
      state_ = kNone;
    } else if (find_range(kConjunctLinkers, code)) {
      state_ = kLinked;
    }
  }

 private:
  enum { kNone, kConsonant, kLinked } state_ = kNone;
};

}  // namespace

size_t cluster_end(std::string_view text, size_t at) {
  uint32_t code = next_code(text, at);
  if (at == text.size()) return at;
  size_t after = at;
  if (stands_alone(code) && stands_alone(next_code(text, after))) return at;
  utf8proc_int32_t state = 0;
  Conjunct conjunct(code);
  while (at < text.size()) {
    after = at;
    const uint32_t next = next_code(text, after);
    if (utf8proc_grapheme_break_stateful(property_of(code), property_of(next), &state) && !conjunct.joins(next)) break;
    conjunct.add(next);
    code = next;
    at = after;
  }
  return at;
}

}  // namespace hone::text
