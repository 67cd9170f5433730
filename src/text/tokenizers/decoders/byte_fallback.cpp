#include "text/tokenizers/byte_alphabet.h"
#include "text/tokenizers/parts.h"
#include "text/unicode.h"

namespace hone::text {
namespace {

class ByteFallback : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::vector<std::string> out;
    out.reserve(tokens.size());
    std::string bytes;
    const auto flush = [&] {
      if (bytes.empty()) return;
      if (valid_utf8_prefix(bytes) == bytes.size()) {
        out.push_back(bytes);
      } else {
        out.insert(out.end(), bytes.size(), to_utf8(kReplacement));  // all of the run, one sign a byte
      }
      bytes.clear();
    };
    for (std::string& token : tokens) {
      if (const int byte = byte_of_token(token); byte >= 0) {
        bytes.push_back(static_cast<char>(byte));
      } else {
        flush();
        out.push_back(std::move(token));
      }
    }
    flush();
    tokens = std::move(out);
  }
  bool joins_byte_tokens() const override { return true; }
};

}  // namespace

std::unique_ptr<Decoder> make_decoder_ByteFallback(const Json&, const std::string&) {
  return std::make_unique<ByteFallback>();
}

}  // namespace hone::text
