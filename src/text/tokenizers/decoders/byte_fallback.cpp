#include "text/tokenizers/parts.h"
#include "text/unicode.h"

namespace hone::text {
namespace {

/// The byte that "<0x0A>" names, or -1. As in the reference, digits may be of either case.
int named_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  // "+A" too is a number to the reference's parser.
  if (token[3] == '+') return digit(token[4]);
  const int high = digit(token[3]), low = digit(token[4]);
  return high < 0 || low < 0 ? -1 : high << 4 | low;
}

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
      if (const int byte = named_byte(token); byte >= 0) {
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
