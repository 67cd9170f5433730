#include <array>

#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/parts.h"

namespace hone::text {
namespace {

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  size_t at = text.find(what);
  if (at == std::string::npos) return;
  std::string out;
  size_t done = 0;
  for (; at != std::string::npos; at = text.find(what, done)) {
    out.append(text, done, at - done).append(by);
    done = at + what.size();
  }
  text = out.append(text, done);
}

/// Blanks between tokens, none before those that go on with a word; with `cleanup`, none either before
/// signs and endings that English writes without.
class WordPieceDecoder : public Decoder {
 public:
  WordPieceDecoder(std::string prefix, bool cleanup) : prefix_(std::move(prefix)), cleanup_(cleanup) {}

  void apply(std::vector<std::string>& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) {
      std::string& token = tokens[i];
      if (i > 0 && token.starts_with(prefix_)) {
        token.erase(0, prefix_.size());
      } else if (i > 0) {
        token.insert(0, 1, ' ');
      }
      if (!cleanup_) continue;
      for (const auto& [what, by] : kEnglish) replace_all(token, what, by);
    }
  }
  /// A blank before every token; tokens have a byte at least.
  double growth() const override { return 2; }

 private:
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kEnglish{{
      {" .", "."},
      {" ?", "?"},
      {" !", "!"},
      {" ,", ","},
      {" ' ", "'"},
      {" n't", "n't"},
      {" 'm", "'m"},
      {" do not", " don't"},
      {" 's", "'s"},
      {" 've", "'ve"},
      {" 're", "'re"},
  }};

  std::string prefix_;
  bool cleanup_;
};

}  // namespace

std::unique_ptr<Decoder> make_decoder_WordPiece(const Json& spec, const std::string& place) {
  return std::make_unique<WordPieceDecoder>(field_or<std::string>(spec, "prefix", "##", place),
                                            field_or(spec, "cleanup", true, place));
}

}  // namespace hone::text
