#include "text/tokenizers/byte_alphabet.h"
#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/parts.h"
#include "text/tokenizers/pattern.h"

namespace hone::text {
namespace {

constexpr std::string_view kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

class ByteLevel : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, bool use_regex)
      : add_prefix_space_(add_prefix_space), words_(use_regex ? make_known_pattern(kGpt2) : nullptr) {}

  void apply(PieceList& list) const override {
    if (add_prefix_space_) add_prefix_spaces(list);
    if (words_) split_pieces(list, *words_, SplitBehavior::kIsolated);
    if (!raw_) spell_pieces(list);
  }
  bool ends_in_byte_level() const override { return true; }
  void leave_bytes_raw() override { raw_ = true; }

 private:
  static void add_prefix_spaces(PieceList& list) {
    AlignedText::Rewriter out(list.text);
    bool changed = false;
    for (ByteRange& piece : list.pieces) {
      const std::string_view view = list.view(piece);
      const auto begin = static_cast<uint32_t>(out.size());
      if (view[0] != ' ') {
        out.put(" ", piece.begin);
        changed = true;
      }
      out.copy(piece.begin, view.size());
      piece = {begin, static_cast<uint32_t>(out.size())};
    }
    if (changed || out.size() != list.text.size()) out.commit();
  }

  static void spell_pieces(PieceList& list) {
    AlignedText::Rewriter out(list.text);
    std::string one;
    for (ByteRange& piece : list.pieces) {
      const std::string_view view = list.view(piece);
      const auto begin = static_cast<uint32_t>(out.size());
      for (size_t i = 0; i < view.size(); ++i) {
        one.clear();
        append_utf8(one, byte_to_code(static_cast<uint8_t>(view[i])));
        out.put(one, piece.begin + i);
      }
      piece = {begin, static_cast<uint32_t>(out.size())};
    }
    out.commit();
  }

  bool add_prefix_space_, raw_ = false;
  std::unique_ptr<Pattern> words_;
};

}  // namespace

std::unique_ptr<PreTokenizer> make_pre_tokenizer_ByteLevel(const Json& spec, const std::string& place) {
  return std::make_unique<ByteLevel>(field<bool>(spec, "add_prefix_space", place),
                                     field_or(spec, "use_regex", true, place));
}

}  // namespace hone::text
