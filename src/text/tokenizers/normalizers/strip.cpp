#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/parts.h"
#include "text/unicode.h"

namespace hone::text {
namespace {

class Strip : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}

  void apply(AlignedText& text) const override {
    const std::string_view view = text.view();
    size_t begin = 0, end = view.size();
    while (left_ && begin < end) {
      size_t next = begin;
      if (!is_space(next_code(view, next))) break;
      begin = next;
    }
    while (right_ && end > begin) {
      size_t start;
      if (!is_space(code_before(view, end, start))) break;
      end = start;
    }
    if (begin == 0 && end == view.size()) return;
    AlignedText::Rewriter out(text);
    out.copy(begin, end - begin);
    out.commit();
  }

 private:
  bool left_, right_;
};

class StripAccents : public Normalizer {
 public:
  void apply(AlignedText& text) const override {
    const std::string_view view = text.view();
    AlignedText::Rewriter out(text);
    for (size_t at = 0; at < view.size();) {
      const size_t begin = at;
      if (!is_accent(next_code(view, at))) out.copy(begin, at - begin);
    }
    if (out.size() != view.size()) out.commit();
  }
};

}  // namespace

std::unique_ptr<Normalizer> make_normalizer_Strip(const Json& spec, const std::string& place) {
  return std::make_unique<Strip>(field_or(spec, "strip_left", true, place), field_or(spec, "strip_right", true, place));
}
std::unique_ptr<Normalizer> make_normalizer_StripAccents(const Json&, const std::string&) {
  return std::make_unique<StripAccents>();
}

}  // namespace hone::text
