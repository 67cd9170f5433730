#include "text/tokenizers/parts.h"
#include "text/unicode.h"

namespace hone::text {
namespace {

/// The clean-up of Google's machine translation, as SentencePiece has it: control characters removed, other
/// signs without a shape made blanks.
class Nmt : public Normalizer {
 public:
  void apply(AlignedText& text) const override {
    const std::string_view view = text.view();
    AlignedText::Rewriter out(text);
    bool changed = false;
    for (size_t at = 0; at < view.size();) {
      const size_t begin = at;
      const uint32_t code = next_code(view, at);
      const bool removed = is_removed(code), blank = !removed && is_blank(code);
      changed = changed || removed || blank;
      if (removed) continue;
      if (blank) {
        out.put(" ", begin);
      } else {
        out.copy(begin, at - begin);
      }
    }
    if (changed) out.commit();
  }

 private:
  static bool is_removed(uint32_t code) {
    if (code >= 0xA0) return false;
    return (code >= 0x01 && code <= 0x08) || code == 0x0B || (code >= 0x0E && code <= 0x1F) || code == 0x7F ||
           code == 0x8F || code == 0x9F;
  }
  static bool is_blank(uint32_t code) {
    return code == 0x09 || code == 0x0A || code == 0x0C || code == 0x0D || code == 0x1680 ||
           (code >= 0x200B && code <= 0x200F) || code == 0x2028 || code == 0x2029 || code == 0x2581 || code == 0xFEFF ||
           code == kReplacement;
  }
};

}  // namespace

std::unique_ptr<Normalizer> make_normalizer_Nmt(const Json&, const std::string&) {
  return std::make_unique<Nmt>();
}

}  // namespace hone::text
