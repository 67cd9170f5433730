#include "text/chat_template.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/strings.h"
#include "text/jinja/parser.h"
#include "text/jinja/renderer.h"

namespace hone::text {

struct ChatTemplate::Impl {
  std::string name;
  jinja::Program program;

  [[noreturn]] void fail(const jinja::Fault& fault, const std::string& source, const char* remedy) const {
    const auto [line, column] = jinja::line_and_column(source, fault.at);
    fail_input(format("%s:%zu:%zu", name.c_str(), line, column), fault.message, remedy);
  }
};

ChatTemplate::ChatTemplate(const std::string& source, const std::string& name, TemplateSyntax syntax)
    : impl_(std::make_unique<Impl>()) {
  impl_->name = name;
  try {
    impl_->program = jinja::parse(source, {syntax.trim_blocks, syntax.lstrip_blocks});
  } catch (const jinja::Fault& fault) {
    impl_->fail(fault, jinja::normalize_source(source), "correct the template there");
  }
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

namespace {

constexpr const char* kRemedy = "look at what the messages hold there, or at that line of the template";

}  // namespace

std::string ChatTemplate::render(const Json& variables) const {
  jinja::Renderer renderer(impl_->program, {}, false);
  try {
    return renderer.render(variables);
  } catch (const jinja::Fault& fault) {
    impl_->fail(fault, impl_->program.source, kRemedy);
  }
}

std::string ChatTemplate::render(const Json& variables,
                                 std::vector<std::pair<size_t, size_t>>& generation_ranges) const {
  jinja::Renderer renderer(impl_->program, {}, true);
  try {
    std::string text = renderer.render(variables);
    generation_ranges = renderer.generation_ranges();
    return text;
  } catch (const jinja::Fault& fault) {
    impl_->fail(fault, impl_->program.source, kRemedy);
  }
}

}  // namespace hone::text
