#include <algorithm>

#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/parts.h"

namespace hone::text {
namespace {

class Sequence : public PreTokenizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<PreTokenizer>> parts) : parts_(std::move(parts)) {}

  void apply(PieceList& list) const override {
    for (const auto& part : parts_) part->apply(list);
  }
  bool ends_in_byte_level() const override { return !parts_.empty() && parts_.back()->ends_in_byte_level(); }
  void leave_bytes_raw() override { parts_.back()->leave_bytes_raw(); }
  bool needs_origins() const override {
    return std::any_of(parts_.begin(), parts_.end(), [](const auto& part) { return part->needs_origins(); });
  }

 private:
  std::vector<std::unique_ptr<PreTokenizer>> parts_;
};

}  // namespace

std::unique_ptr<PreTokenizer> make_pre_tokenizer_Sequence(const Json& spec, const std::string& place) {
  std::vector<std::unique_ptr<PreTokenizer>> parts;
  for (const Json& part : list_field(spec, "pretokenizers", place)) {
    if (auto made = make_pre_tokenizer(part, place)) parts.push_back(std::move(made));
  }
  return std::make_unique<Sequence>(std::move(parts));
}

}  // namespace hone::text
