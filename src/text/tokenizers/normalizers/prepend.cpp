#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/parts.h"

namespace hone::text {
namespace {

class Prepend : public Normalizer {
 public:
  explicit Prepend(std::string text) : text_(std::move(text)) {}
  void apply(AlignedText& text) const override {
    if (text.size() == 0) return;
    AlignedText::Rewriter out(text);
    out.put(text_, 0);
    out.copy(0, text.size());
    out.commit();
  }

 private:
  std::string text_;
};

}  // namespace

std::unique_ptr<Normalizer> make_normalizer_Prepend(const Json& spec, const std::string& place) {
  return std::make_unique<Prepend>(field<std::string>(spec, "prepend", place));
}

}  // namespace hone::text
