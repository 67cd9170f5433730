#include "text/tokenizers/post_processors/bracketing.h"

#include "text/tokenizers/json_fields.h"

namespace hone::text {

void Bracketing::apply(Encoding& encoding, const PostProcessing& how) const {
  Encoding out;
  for (const Piece& piece : pieces_) {
    if (piece.sequence) {
      out.ids.insert(out.ids.end(), encoding.ids.begin(), encoding.ids.end());
      out.tokens.insert(out.tokens.end(), encoding.tokens.begin(), encoding.tokens.end());
      out.offsets.insert(out.offsets.end(), encoding.offsets.begin(), encoding.offsets.end());
    } else if (how.add_special_tokens) {
      for (const Token& token : piece.tokens) {
        out.ids.push_back(token.id);
        if (!how.with_offsets) continue;
        out.tokens.push_back(token.text);
        out.offsets.emplace_back(0, 0);
      }
    }
  }
  encoding = std::move(out);
}

std::unique_ptr<PostProcessor> make_bracketing(Bracketing::Token before, Bracketing::Token behind) {
  std::vector<Bracketing::Piece> pieces(3);
  pieces[0].tokens.push_back(std::move(before));
  pieces[1].sequence = true;
  pieces[2].tokens.push_back(std::move(behind));
  return std::make_unique<Bracketing>(std::move(pieces));
}

Bracketing::Token read_token(const Json& spec, const char* name, const std::string& place) {
  const Json& pair = list_field(spec, name, place);
  const std::string where = place + "." + name;
  if (pair.size() != 2) fail_input(where, "must be a token and its id");
  return {json_as<int32_t>(pair[1], where), json_as<std::string>(pair[0], where)};
}

}  // namespace hone::text
