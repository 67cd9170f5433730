#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/parts.h"
#include "text/tokenizers/pattern.h"

namespace hone::text {
namespace {

/// Cuts at a pattern; the simple pre-tokenizers are this with a pattern of their own.
class Split : public PreTokenizer {
 public:
  Split(std::unique_ptr<Pattern> pattern, SplitBehavior behavior, bool invert = false)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}
  void apply(PieceList& list) const override { split_pieces(list, *pattern_, behavior_, invert_); }

 private:
  std::unique_ptr<Pattern> pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

/// \w+|[^\w\s]+ as stretches that match, white space as what does not.
class Words : public Pattern {
 public:
  void find(std::string_view text, std::vector<Match>& out) const override {
    for (size_t at = 0; at < text.size();) {
      const size_t begin = at;
      const int kind = kind_of(next_code(text, at));
      for (size_t next = at; at < text.size() && kind_of(next_code(text, next)) == kind; at = next) {
      }
      out.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(at), kind != 0});
    }
  }

 private:
  static int kind_of(uint32_t code) { return is_space(code) ? 0 : is_word(code) ? 1 : 2; }
};

}  // namespace

std::unique_ptr<PreTokenizer> make_pre_tokenizer_Split(const Json& spec, const std::string& place) {
  if (!spec.contains("pattern")) fail_input(place, "lacks the field \"pattern\"");
  return std::make_unique<Split>(make_pattern(spec["pattern"], place + ".pattern"),
                                 split_behavior(field<std::string>(spec, "behavior", place), place + ".behavior"),
                                 field_or(spec, "invert", false, place));
}

std::unique_ptr<PreTokenizer> make_pre_tokenizer_Whitespace(const Json&, const std::string&) {
  return std::make_unique<Split>(std::make_unique<Words>(), SplitBehavior::kRemoved, true);
}

std::unique_ptr<PreTokenizer> make_pre_tokenizer_WhitespaceSplit(const Json&, const std::string&) {
  return std::make_unique<Split>(make_character_class(is_space), SplitBehavior::kRemoved);
}

std::unique_ptr<PreTokenizer> make_pre_tokenizer_Digits(const Json& spec, const std::string& place) {
  const bool individual = field<bool>(spec, "individual_digits", place);
  return std::make_unique<Split>(make_character_class(is_numeric),
                                 individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous);
}

std::unique_ptr<PreTokenizer> make_pre_tokenizer_Punctuation(const Json& spec, const std::string& place) {
  const std::string behavior = field_or<std::string>(spec, "behavior", "Isolated", place);
  return std::make_unique<Split>(make_character_class(is_punctuation), split_behavior(behavior, place + ".behavior"));
}

std::unique_ptr<PreTokenizer> make_pre_tokenizer_CharDelimiterSplit(const Json& spec, const std::string& place) {
  return std::make_unique<Split>(make_literal(character_field(spec, "delimiter", place)), SplitBehavior::kRemoved);
}

}  // namespace hone::text
