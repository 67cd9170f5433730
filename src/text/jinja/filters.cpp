#include "text/jinja/filters.h"

#include <string_view>
#include <utility>

namespace hone::text::jinja {
namespace {

constexpr std::pair<std::string_view, Filter> kFilters[] = {
#define FILTER(name, function) {name, filters::function},
#include "text/jinja/filters.def"
#undef FILTER
};

}  // namespace

Filter find_filter(std::string_view name) {
  for (const auto& [known, filter] : kFilters) {
    if (known == name) return filter;
  }
  return nullptr;
}

std::vector<std::string> filter_names() {
  std::vector<std::string> names;
  for (const auto& [name, filter] : kFilters) names.emplace_back(name);
  return names;
}

namespace filters {

Value unsupported(Runtime& runtime, const Value&, const Arguments&) {
  runtime.fail("this filter of Jinja is not supported: it is made for web pages, not for chat templates");
}

}  // namespace filters
}  // namespace hone::text::jinja
