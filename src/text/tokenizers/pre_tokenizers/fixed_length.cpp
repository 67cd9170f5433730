#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/parts.h"

namespace hone::text {
namespace {

/// Cuts after every `length` characters.
class FixedLength : public PreTokenizer {
 public:
  explicit FixedLength(uint64_t length) : length_(length) {}

  void apply(PieceList& list) const override {
    std::vector<ByteRange> pieces;
    for (const ByteRange piece : list.pieces) {
      uint32_t begin = piece.begin;
      uint64_t characters = 0;
      for (size_t at = piece.begin; at < piece.end;) {
        at += utf8_length(static_cast<unsigned char>(list.text.view()[at]));
        if (++characters < length_ && at < piece.end) continue;
        pieces.push_back({begin, static_cast<uint32_t>(at)});
        begin = static_cast<uint32_t>(at);
        characters = 0;
      }
    }
    list.pieces = std::move(pieces);
  }

 private:
  uint64_t length_;
};

}  // namespace

std::unique_ptr<PreTokenizer> make_pre_tokenizer_FixedLength(const Json& spec, const std::string& place) {
  const auto length = field_or<uint64_t>(spec, "length", 5, place);
  if (length == 0) fail_input(place + ".length", "must be 1 or more");
  return std::make_unique<FixedLength>(length);
}

}  // namespace hone::text
