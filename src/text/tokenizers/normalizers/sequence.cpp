#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/parts.h"

namespace hone::text {
namespace {

class Sequence : public Normalizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<Normalizer>> parts) : parts_(std::move(parts)) {}
  void apply(AlignedText& text) const override {
    for (const auto& part : parts_) part->apply(text);
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> parts_;
};

}  // namespace

std::unique_ptr<Normalizer> make_normalizer_Sequence(const Json& spec, const std::string& place) {
  std::vector<std::unique_ptr<Normalizer>> parts;
  for (const Json& part : list_field(spec, "normalizers", place)) {
    if (auto made = make_normalizer(part, place)) parts.push_back(std::move(made));
  }
  return std::make_unique<Sequence>(std::move(parts));
}

}  // namespace hone::text
