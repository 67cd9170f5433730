#include "base/config/writer.h"

#include <nlohmann/json.hpp>

#include "base/config/values.h"
#include "base/strings.h"

namespace hone {
namespace {

std::string yaml(bool value) {
  return value ? "true" : "false";
}
std::string yaml(int64_t value) {
  return std::to_string(value);
}
std::string yaml(double value) {
  return show_number(value);
}
std::string yaml(const std::string& value) {
  return quote_yaml(value);
}
std::string yaml(std::monostate) {
  return "null";
}

template <typename T>
std::string yaml(const std::optional<T>& value) {
  return value ? yaml(*value) : "null";
}

template <typename T>
std::string yaml(const std::vector<T>& values) {
  std::vector<std::string> parts;
  for (const T& value : values) parts.push_back(yaml(value));
  return "[" + join(parts, ", ") + "]";
}

template <typename T>
std::string yaml(const std::map<std::string, T>& values) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : values) parts.push_back(yaml(key) + ": " + yaml(value));
  return "{" + join(parts, ", ") + "}";
}

template <typename... T>
std::string yaml(const std::variant<T...>& value) {
  return std::visit([](const auto& held) { return yaml(held); }, value);
}

Json json(std::monostate) {
  return nullptr;
}

template <typename T>
Json json(const T& value) {
  return value;
}

template <typename T>
Json json(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

template <typename... T>
Json json(const std::variant<T...>& value) {
  return std::visit([](const auto& held) { return json(held); }, value);
}

std::string yaml_of(const Field& field) {
  return std::visit([](const auto* target) { return yaml(*target); }, field.target);
}

struct Path {
  explicit Path(const std::string& path)
      : section(path.find('.') == std::string::npos ? "" : path.substr(0, path.rfind('.'))),
        name(path.substr(path.rfind('.') + 1)) {}
  std::string section, name;
};

std::string table_cell(const std::string& text) {
  std::string cell;
  for (const char c : text) cell += c == '|' ? std::string("\\|") : std::string(1, c);
  return cell;
}

}  // namespace

std::string config_yaml(const Fields& fields) {
  std::string text, open;
  for (const Field& field : fields.all()) {
    const Path path(field.path);
    // Fields are declared section by section, so each heading is written once.
    if (path.section != open && !path.section.empty()) text += path.section + ":\n";
    open = path.section;
    text += (open.empty() ? "" : "  ") + path.name + ": " + yaml_of(field) + "\n";
  }
  return text;
}

Json config_json(const Fields& fields) {
  Json document = Json::object();
  for (const Field& field : fields.all()) {
    const Path path(field.path);
    Json& at = path.section.empty() ? document : document[path.section];
    at[path.name] = std::visit([](const auto* target) { return json(*target); }, field.target);
  }
  return document;
}

std::string config_markdown(const Fields& fields) {
  const auto rows_of = [&](const std::string& section) {
    std::string rows = "| setting | type | default | meaning |\n|---|---|---|---|\n";
    for (const Field& field : fields.all()) {
      const Path path(field.path);
      if (path.section != section) continue;
      const std::string value =
          field.rules.required && is_empty(field.target) ? "(required)" : "`" + table_cell(yaml_of(field)) + "`";
      rows += "| `" + path.name + "` | " + table_cell(describe_type(field)) + " | " + value + " | " +
              table_cell(field.rules.help) + " |\n";
    }
    return rows;
  };
  std::string text = "## Top level\n\n" + rows_of("");
  for (const FieldSection& section : fields.sections()) {
    text += "\n## `" + section.path + "`\n\n" + section.help + ".\n\n" + rows_of(section.path);
  }
  return text;
}

}  // namespace hone
