#include <algorithm>
#include <iterator>

#include "text/tokenizers/parts.h"
#include "text/unicode.h"

namespace hone::text {
namespace {

/// Code points of one script; scripts are numbers without a meaning beyond being different.
struct ScriptRange {
  uint32_t first, last;
  int script;
};
#include "text/tokenizers/pre_tokenizers/unicode_scripts.inc"

constexpr int kAnyScript = 0;

/// Cuts where the script changes. Blanks and characters of no script go with what stands before them.
class UnicodeScripts : public PreTokenizer {
 public:
  void apply(PieceList& list) const override {
    std::vector<ByteRange> pieces;
    for (const ByteRange piece : list.pieces) {
      uint32_t begin = piece.begin;
      int last = -1;
      for (size_t at = piece.begin; at < piece.end;) {
        const auto start = static_cast<uint32_t>(at);
        const int script = script_of(next_code(list.text.view(), at));
        if (script == kAnyScript) continue;
        if (script != last && begin < start) {
          // Characters of no script at the very beginning make no piece: the reference drops them.
          if (last >= 0) pieces.push_back({begin, start});
          begin = start;
        }
        last = script;
      }
      if (last >= 0) pieces.push_back({begin, piece.end});
    }
    list.pieces = std::move(pieces);
  }

 private:
  static int script_of(uint32_t code) {
    const auto* it = std::upper_bound(std::begin(kScripts), std::end(kScripts), code,
                                      [](uint32_t value, const ScriptRange& range) { return value < range.first; });
    return it != std::begin(kScripts) && code <= std::prev(it)->last ? std::prev(it)->script : kAnyScript;
  }
};

}  // namespace

std::unique_ptr<PreTokenizer> make_pre_tokenizer_UnicodeScripts(const Json&, const std::string&) {
  return std::make_unique<UnicodeScripts>();
}

}  // namespace hone::text
