#include <algorithm>

#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/post_processors/bracketing.h"
#include "text/unicode.h"

namespace hone::text {
namespace {

constexpr uint32_t kSpelledBlank = 0x120;  // Ġ, the stand-in of the byte 0x20

bool is_blank(uint32_t code) {
  return code == kSpelledBlank || is_space(code);
}

/// Takes the blanks at both ends of tokens out of their offsets: as many characters of the original as
/// the token has blanks there.
class TrimOffsets : public PostProcessor {
 public:
  TrimOffsets(bool trim, bool add_prefix_space) : trim_(trim), add_prefix_space_(add_prefix_space) {}

  void apply(Encoding& encoding, const PostProcessing& how) const override {
    if (!trim_ || !how.with_offsets) return;
    for (size_t i = 0; i < encoding.ids.size(); ++i) trim(encoding.tokens[i], how.text, encoding.offsets[i], i == 0);
  }

 private:
  void trim(const std::string& token, std::string_view text, std::pair<uint32_t, uint32_t>& offsets, bool first) const {
    uint32_t leading = 0, trailing = 0;
    for (size_t at = 0; at < token.size() && is_blank(next_code(token, at));) ++leading;
    for (size_t end = token.size(); end > 0 && is_blank(code_before(token, end, end));) ++trailing;
    // A single blank at the very start is the one that add_prefix_space put there.
    if (leading == 1 && add_prefix_space_ && (first || offsets.first == 0)) leading = 0;
    for (; leading > 0 && offsets.first < offsets.second; --leading) {
      offsets.first += static_cast<uint32_t>(utf8_length(static_cast<unsigned char>(text[offsets.first])));
    }
    for (; trailing > 0 && offsets.second > offsets.first; --trailing) {
      size_t start;
      code_before(text, offsets.second, start);
      offsets.second = static_cast<uint32_t>(start);
    }
  }

  bool trim_, add_prefix_space_;
};

class Roberta : public PostProcessor {
 public:
  Roberta(const TrimOffsets& trim, std::unique_ptr<PostProcessor> brackets)
      : trim_(trim), brackets_(std::move(brackets)) {}
  void apply(Encoding& encoding, const PostProcessing& how) const override {
    trim_.apply(encoding, how);
    brackets_->apply(encoding, how);
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
