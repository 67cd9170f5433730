#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/parts.h"
#include "text/tokenizers/pattern.h"

namespace hone::text {
namespace {

class Replace : public Normalizer {
 public:
  Replace(std::unique_ptr<Pattern> pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}

  void apply(AlignedText& text) const override {
    std::vector<Match> matches;
    pattern_->find(text.view(), matches);
    if (matches.empty() || (matches.size() == 1 && !matches[0].matched)) return;
    AlignedText::Rewriter out(text);
    for (const Match& match : matches) {
      if (match.matched) {
        out.insert(content_, match.end);  // the new text belongs to the last character it replaces
      } else {
        out.copy(match.begin, match.end - match.begin);
      }
    }
    out.commit();
  }

 private:
  std::unique_ptr<Pattern> pattern_;
  std::string content_;
};

}  // namespace

std::unique_ptr<Normalizer> make_normalizer_Replace(const Json& spec, const std::string& place) {
  if (!spec.contains("pattern")) fail_input(place, "lacks the field \"pattern\"");
  return std::make_unique<Replace>(make_pattern(spec["pattern"], place + ".pattern"),
                                   field<std::string>(spec, "content", place));
}

}  // namespace hone::text
