#include <algorithm>

#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/post_processors/bracketing.h"
#include "text/unicode.h"

namespace hone::text {
namespace {

constexpr uint32_t kSpelledBlank = 0x120;  // Ġ, the stand-in of the byte 0x20

/// How many bytes of the original text a blank character of a token takes; 0 for any other character.
uint32_t blank_bytes(uint32_t code) {
  if (code == kSpelledBlank) return 1;
  return is_space(code) ? static_cast<uint32_t>(to_utf8(code).size()) : 0;
}

/// Takes the blanks at both ends of tokens out of their offsets.
class TrimOffsets : public PostProcessor {
 public:
  TrimOffsets(bool trim, bool add_prefix_space) : trim_(trim), add_prefix_space_(add_prefix_space) {}

  void apply(Encoding& encoding, bool, bool with_offsets) const override {
    if (!trim_ || !with_offsets) return;
    for (size_t i = 0; i < encoding.ids.size(); ++i) trim(encoding.tokens[i], encoding.offsets[i], i == 0);
  }

 private:
  void trim(const std::string& token, std::pair<uint32_t, uint32_t>& offsets, bool first_token) const {
    uint32_t leading = 0, trailing = 0, leading_count = 0;
    for (size_t at = 0; at < token.size();) {
      const uint32_t bytes = blank_bytes(next_code(token, at));
      if (bytes == 0) break;
      leading += bytes;
      ++leading_count;
    }
    for (size_t end = token.size(); end > 0;) {
      const uint32_t bytes = blank_bytes(code_before(token, end, end));
      if (bytes == 0) break;
      trailing += bytes;
    }
    if (leading > 0) {
      // A single blank at the very start is the one that add_prefix_space put there.
      const bool added = (first_token || offsets.first == 0) && add_prefix_space_ && leading_count == 1;
      if (!added) offsets.first = std::min(offsets.first + leading, offsets.second);
    }
    if (trailing > 0 && offsets.second >= trailing) {
      offsets.second = std::max(offsets.second - trailing, offsets.first);
    }
  }

  bool trim_, add_prefix_space_;
};

class Roberta : public PostProcessor {
 public:
  Roberta(TrimOffsets trim, std::unique_ptr<PostProcessor> brackets) : trim_(trim), brackets_(std::move(brackets)) {}
  void apply(Encoding& encoding, bool add_special_tokens, bool with_offsets) const override {
    trim_.apply(encoding, add_special_tokens, with_offsets);
    brackets_->apply(encoding, add_special_tokens, with_offsets);
  }

 private:
  TrimOffsets trim_;
  std::unique_ptr<PostProcessor> brackets_;
};

TrimOffsets read_trim(const Json& spec, const std::string& place) {
  return {field_or(spec, "trim_offsets", true, place), field_or(spec, "add_prefix_space", true, place)};
}

}  // namespace

std::unique_ptr<PostProcessor> make_post_processor_ByteLevel(const Json& spec, const std::string& place) {
  return std::make_unique<TrimOffsets>(read_trim(spec, place));
}

std::unique_ptr<PostProcessor> make_post_processor_RobertaProcessing(const Json& spec, const std::string& place) {
  return std::make_unique<Roberta>(read_trim(spec, place),
                                   make_bracketing(read_token(spec, "cls", place), read_token(spec, "sep", place)));
}

}  // namespace hone::text
