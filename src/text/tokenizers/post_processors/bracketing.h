// Special tokens before and behind the tokens of a text.
#pragma once
#include "text/tokenizers/parts.h"

namespace hone::text {

/// A token that a post-processor adds.
struct AddedPiece {
  int32_t id = 0;
  std::string text;
};

class Bracketing : public PostProcessor {
 public:
  using Token = AddedPiece;
  struct Piece {
    bool sequence = false;  ///< here goes the text; otherwise `tokens`
    std::vector<Token> tokens;
  };
  explicit Bracketing(std::vector<Piece> pieces) : pieces_(std::move(pieces)) {}
  void apply(Encoding& encoding, const PostProcessing& how) const override;

 private:
  std::vector<Piece> pieces_;
};

/// One token before, one behind.
std::unique_ptr<PostProcessor> make_bracketing(Bracketing::Token before, Bracketing::Token behind);
/// Reads ["</s>", 2] from the field `name`.
Bracketing::Token read_token(const Json& spec, const char* name, const std::string& place);

}  // namespace hone::text
