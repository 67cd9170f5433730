#include "base/config/fields.h"

#include "base/config/values.h"
#include "base/strings.h"

namespace hone {
namespace {

template <class... Cases>
struct Overload : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overload(Cases...) -> Overload<Cases...>;  // clang 14 does not deduce this by itself

std::string limits(const FieldRules& rules) {
  std::vector<std::string> parts;
  if (rules.above) parts.push_back("above " + show_number(*rules.above));
  if (rules.min) parts.push_back("at least " + show_number(*rules.min));
  if (rules.below) parts.push_back("below " + show_number(*rules.below));
  if (rules.max) parts.push_back("at most " + show_number(*rules.max));
  return parts.empty() ? "" : " " + join(parts, " and ");
}

}  // namespace

Fields::Fields() : list_(std::make_shared<List>()) {}

void Fields::add(const std::string& name, FieldTarget target, FieldRules rules) {
  list_->fields.push_back({prefix_ + name, target, std::move(rules)});
}

Fields Fields::section(const std::string& name, const std::string& help) {
  list_->sections.push_back({prefix_ + name, help});
  Fields inside = *this;
  inside.prefix_ = prefix_ + name + ".";
  return inside;
}

bool is_empty(const FieldTarget& target) {
  const auto empty = Overload{
      [](bool) { return false; },
      [](int64_t) { return false; },
      [](double) { return false; },
      [](std::monostate) { return true; },
      [](const auto& value) {
        if constexpr (requires { value.has_value(); }) {
          return !value.has_value();
        } else {
          return value.empty();
        }
      },
  };
  const auto of_variant = Overload{
      [&](const TextOrList* value) { return std::visit(empty, *value); },
      [&](const NumberOrText* value) { return std::visit(empty, *value); },
      [&](const auto* value) { return empty(*value); },
  };
  return std::visit(of_variant, target);
}

std::string describe_type(const Field& field) {
  const FieldRules& rules = field.rules;
  std::string text = rules.choices.empty() ? "a text" : "one of " + join(rules.choices, ", ");
  return std::visit(
      Overload{
          [&](bool*) -> std::string { return "true or false"; },
          [&](int64_t*) { return "a whole number" + limits(rules); },
          [&](double*) { return "a number" + limits(rules); },
          [&](std::string*) { return text; },
          [&](std::optional<bool>*) -> std::string { return "true, false or null"; },
          [&](std::optional<int64_t>*) { return "a whole number" + limits(rules) + ", or null"; },
          [&](std::optional<double>*) { return "a number" + limits(rules) + ", or null"; },
          [&](std::vector<std::string>*) -> std::string {
            return rules.choices.empty() ? "a list of texts" : "a list out of " + join(rules.choices, ", ");
          },
          [&](std::vector<int64_t>*) { return "a list of whole numbers" + limits(rules); },
          [&](TextOrList*) -> std::string { return "a text or a list of texts"; },
          [&](NumberOrText*) { return "a number" + limits(rules) + ", a text, or null"; },
          [&](std::map<std::string, int64_t>*) { return "a map from names to whole numbers" + limits(rules); },
          [&](std::map<std::string, double>*) { return "a map from names to numbers" + limits(rules); },
      },
      field.target);
}

}  // namespace hone
