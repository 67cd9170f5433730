#include "text/tokenizers/parts.h"
#include "text/unicode.h"

namespace hone::text {
namespace {

/// Cuts at white space, which is dropped, and makes every punctuation character a piece.
class Bert : public PreTokenizer {
 public:
  void apply(PieceList& list) const override {
    std::vector<ByteRange> pieces;
    pieces.reserve(list.pieces.size() + list.text.size() / 4);
    for (const ByteRange piece : list.pieces) cut(list.text.view(), piece, pieces);
    list.pieces = std::move(pieces);
  }

 private:
  static void cut(std::string_view text, ByteRange range, std::vector<ByteRange>& out) {
    uint32_t word = range.begin;  // where the word at hand begins
    for (size_t at = range.begin; at < range.end;) {
      const auto begin = static_cast<uint32_t>(at);
      const uint32_t code = next_code(text, at);
      const bool space = is_space(code);
      if (!space && !is_punctuation(code)) continue;
      if (word < begin) out.push_back({word, begin});
      word = static_cast<uint32_t>(at);
      if (!space) out.push_back({begin, word});
    }
    if (word < range.end) out.push_back({word, range.end});
  }
};

}  // namespace

std::unique_ptr<PreTokenizer> make_pre_tokenizer_BertPreTokenizer(const Json&, const std::string&) {
  return std::make_unique<Bert>();
}

}  // namespace hone::text
