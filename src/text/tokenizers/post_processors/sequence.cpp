#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/parts.h"

namespace hone::text {
namespace {

class Sequence : public PostProcessor {
 public:
  explicit Sequence(std::vector<std::unique_ptr<PostProcessor>> parts) : parts_(std::move(parts)) {}
  void apply(Encoding& encoding, const PostProcessing& how) const override {
    for (const auto& part : parts_) part->apply(encoding, how);
  }

 private:
  std::vector<std::unique_ptr<PostProcessor>> parts_;
};

}  // namespace

std::unique_ptr<PostProcessor> make_post_processor_Sequence(const Json& spec, const std::string& place) {
  std::vector<std::unique_ptr<PostProcessor>> parts;
  for (const Json& part : list_field(spec, "processors", place)) {
    if (auto made = make_post_processor(part, place)) parts.push_back(std::move(made));
  }
  return std::make_unique<Sequence>(std::move(parts));
}

}  // namespace hone::text
