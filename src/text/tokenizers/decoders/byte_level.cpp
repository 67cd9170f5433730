#include "text/tokenizers/byte_alphabet.h"
#include "text/tokenizers/parts.h"

namespace hone::text {
namespace {

class ByteLevelDecoder : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::string bytes;
    for (const std::string& token : tokens) {
      if (!append_spelled_bytes(bytes, token)) bytes += token;  // a token outside the alphabet is itself
    }
    std::string text;
    append_repaired(text, bytes);
    tokens.assign(1, text);
  }
  bool is_byte_level() const override { return true; }
};

}  // namespace

std::unique_ptr<Decoder> make_decoder_ByteLevel(const Json&, const std::string&) {
  return std::make_unique<ByteLevelDecoder>();
}

}  // namespace hone::text
