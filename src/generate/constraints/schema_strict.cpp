#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/strings.h"
#include "generate/constraints/schema.h"

namespace hone::generate {
namespace {

class StrictCheck {
 public:
  StrictCheck(const std::string& name, const std::string& what) : name_(name), what_(what) {}

  void root(const Json& schema) {
    if (!schema.is_object()) {
      refuse("schema must be a JSON Schema of 'type: \"object\"', got " + to_line(schema) + ".");
    }
    const auto type = schema.find("type");
    if (type == schema.end() || *type != "object") {
      const std::string got = type == schema.end() ? "None"
                              : type->is_string()  ? type->get<std::string>()
                                                   : to_line(*type);
      refuse("schema must be a JSON Schema of 'type: \"object\"', got 'type: \"" + got + "\"'.");
    }
    visit(schema);
  }

 private:
  [[noreturn]] void refuse(const std::string& message) const {
    std::string pointer = "#";
    for (const std::string& part : context_) pointer = pointer_to(pointer, part);
    fail_input(what_ + " '" + name_ + "': " + pointer, "Invalid schema for " + what_ + " '" + name_ + "': " + message,
               "mend the schema, or leave strict out");
  }
  [[noreturn]] void refuse_keys(const std::string& fault) const {
    const std::string rule =
        "'required' is required to be supplied and to be an array including every key in properties. ";
    refuse(context() + rule + fault);
  }
  /// As Python shows a tuple.
  std::string context() const {
    std::string out = "In context=(";
    for (size_t i = 0; i < context_.size(); ++i) out += (i > 0 ? ", '" : "'") + context_[i] + "'";
    return out + (context_.size() == 1 ? ",), " : "), ");
  }

  void under(const std::string& key, const Json& schema) {
    context_.push_back(key);
    visit(schema);
    context_.pop_back();
  }
  void under_each(const std::string& key, const Json& schemas) {
    context_.push_back(key);
    if (schemas.is_object()) {
      for (const auto& [name, schema] : schemas.items()) under(name, schema);
    } else if (schemas.is_array()) {
      for (size_t i = 0; i < schemas.size(); ++i) under(std::to_string(i), schemas[i]);
    }
    context_.pop_back();
  }

  void visit(const Json& schema) {
    if (!schema.is_object()) return;
    for (const char* key : {"oneOf", "allOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else",
                            "patternProperties", "unevaluatedProperties", "propertyNames"}) {
      if (schema.contains(key)) refuse(context() + "'" + key + "' is not permitted.");
    }
    const auto type = schema.find("type");
    const auto is_object = [](const Json& name) { return name == "object"; };
    const bool object = schema.contains("properties") ||
                        (type != schema.end() &&
                         (type->is_array() ? std::any_of(type->begin(), type->end(), is_object) : is_object(*type)));
    if (object) check_object(schema);
    for (const auto& [key, value] : schema.items()) {
      if (key == "properties" || key == "$defs" || key == "definitions" || key == "anyOf" || key == "prefixItems") {
        under_each(key, value);
      } else if (key == "items") {
        under(key, value);
      }
    }
  }

  void check_object(const Json& schema) {
    const auto others = schema.find("additionalProperties");
    if (others == schema.end() || *others != Json(false)) {
      refuse(context() + "'additionalProperties' is required to be supplied and to be false.");
    }
    const auto properties = schema.find("properties");
    if (properties == schema.end() || !properties->is_object()) return;
    std::set<std::string> required;
    if (const auto list = schema.find("required"); list != schema.end() && list->is_array()) {
      for (const Json& key : *list) {
        if (key.is_string()) required.insert(key.get<std::string>());
      }
    }
    std::set<std::string> named;
    for (const auto& [key, value] : properties->items()) {
      named.insert(key);
      if (!required.contains(key)) refuse_keys("Missing '" + key + "'.");
    }
    for (const std::string& key : required) {
      if (!named.contains(key)) refuse_keys("Extra required key '" + key + "' supplied.");
    }
  }

  const std::string& name_;
  const std::string& what_;
  std::vector<std::string> context_;
};

}  // namespace

void check_strict(const Json& schema, const std::string& name, const std::string& what) {
  StrictCheck(name, what).root(schema);
}

}  // namespace hone::generate
