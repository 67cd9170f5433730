#include <algorithm>

#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/parts.h"

namespace hone::text {
namespace {

class Sequence : public Decoder {
 public:
  explicit Sequence(std::vector<std::unique_ptr<Decoder>> parts) : parts_(std::move(parts)) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (const auto& part : parts_) part->apply(tokens);
  }
  bool is_byte_level() const override { return parts_.size() == 1 && parts_[0]->is_byte_level(); }
  double growth() const override {
    double product = 1;
    for (const auto& part : parts_) product *= part->growth();
    return product;
  }
  bool joins_byte_tokens() const override {
    return std::any_of(parts_.begin(), parts_.end(), [](const auto& part) { return part->joins_byte_tokens(); });
  }

 private:
  std::vector<std::unique_ptr<Decoder>> parts_;
};

}  // namespace

std::unique_ptr<Decoder> make_decoder_Sequence(const Json& spec, const std::string& place) {
  std::vector<std::unique_ptr<Decoder>> parts;
  for (const Json& part : list_field(spec, "decoders", place)) {
    if (auto made = make_decoder(part, place)) parts.push_back(std::move(made));
  }
  return std::make_unique<Sequence>(std::move(parts));
}

}  // namespace hone::text
