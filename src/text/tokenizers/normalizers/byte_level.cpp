#include "text/tokenizers/byte_alphabet.h"
#include "text/tokenizers/parts.h"

namespace hone::text {
namespace {

class ByteLevelNormalizer : public Normalizer {
 public:
  void apply(AlignedText& text) const override { spell_bytes(text); }
};

}  // namespace

std::unique_ptr<Normalizer> make_normalizer_ByteLevel(const Json&, const std::string&) {
  return std::make_unique<ByteLevelNormalizer>();
}

}  // namespace hone::text
