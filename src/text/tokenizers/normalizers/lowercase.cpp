#include "text/tokenizers/parts.h"
#include "text/unicode.h"

namespace hone::text {
namespace {

class Lowercase : public Normalizer {
 public:
  void apply(AlignedText& text) const override {
    const std::string_view view = text.view();
    std::vector<Change> changes;
    changes.reserve(view.size());
    std::vector<uint32_t> lower;
    for (size_t at = 0; at < view.size();) {
      lower.clear();
      append_lowercase(lower, next_code(view, at));
      for (size_t i = 0; i < lower.size(); ++i) changes.push_back({lower[i], i == 0 ? 0 : 1});
    }
    text.rewrite(changes);
  }
};

}  // namespace

std::unique_ptr<Normalizer> make_normalizer_Lowercase(const Json&, const std::string&) {
  return std::make_unique<Lowercase>();
}

}  // namespace hone::text
