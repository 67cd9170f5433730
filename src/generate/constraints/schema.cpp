#include "generate/constraints/schema.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace hone::generate {
namespace {

constexpr int kDeepestSchema = 100;      // JSON levels
constexpr int64_t kMostValues = 50'000;  // JSON values
constexpr int kMostMerges = 40;          // one inside another

constexpr std::array<std::string_view, 13> kAnnotations = {
    "$schema", "$id",      "$comment",   "$defs",    "definitions", "title",  "description",
    "default", "examples", "deprecated", "readOnly", "writeOnly",   "$anchor"};

int64_t count_values(const Json& value, int depth, const Budget& budget) {
  if (depth > kDeepestSchema) budget.refuse(format("the schema is nested deeper than %d levels", kDeepestSchema));
  int64_t count = 1;
  if (value.is_structured()) {
    for (const Json& child : value) count += count_values(child, depth + 1, budget);
  }
  return count;
}

/// JSON pointer with URI escapes: %25 and ~0 ~1.
std::string unescaped(std::string_view part) {
  std::string plain;
  for (size_t i = 0; i < part.size(); ++i) {
    const auto digit = [&](size_t at) -> int {
      const char c = at < part.size() ? part[at] : '!';
      return c >= '0' && c <= '9'   ? c - '0'
             : c >= 'a' && c <= 'f' ? c - 'a' + 10
             : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                    : -1;
    };
    if (part[i] == '%' && digit(i + 1) >= 0 && digit(i + 2) >= 0) {
      plain.push_back(static_cast<char>(digit(i + 1) << 4 | digit(i + 2)));
      i += 2;
    } else {
      plain.push_back(part[i]);
    }
  }
  std::string out;
  for (size_t i = 0; i < plain.size(); ++i) {
    const bool escape = plain[i] == '~' && i + 1 < plain.size() && (plain[i + 1] == '0' || plain[i + 1] == '1');
    out.push_back(escape ? (plain[++i] == '0' ? '~' : '/') : plain[i]);
  }
  return out;
}

/// Lists of types as a set; everything when there is no "type". A number includes the integers.
std::set<std::string> types_of(const Json& schema) {
  std::set<std::string> out;
  const Json& type = schema["type"];
  for (const Json& name : type.is_array() ? type : Json::array({type})) {
    if (name.is_string()) out.insert(name.get<std::string>());
  }
  return out;
}

Json common_types(const Json& a, const Json& b) {
  const std::set<std::string> in_a = types_of(a), in_b = types_of(b);
  Json out = Json::array();
  for (const std::string& type : in_a) {
    if (in_b.contains(type) || (type == "integer" && in_b.contains("number"))) out.push_back(type);
  }
  for (const std::string& type : in_b) {
    if (type == "integer" && in_a.contains("number") && !in_a.contains("integer")) out.push_back(type);
  }
  return out;
}

Json common_values(const Json& a, const Json& b) {
  Json out = Json::array();
  for (const Json& value : a) {
    if (std::find(b.begin(), b.end(), value) != b.end()) out.push_back(value);
  }
  return out;
}

const Json kTrue = true;

const Json& schema_of_others(const Json& schema) {
  const auto others = schema.find("additionalProperties");
  return others == schema.end() ? kTrue : *others;
}

/// The schema that `schema` has for a property: its own, or that of all others.
const Json& schema_of(const Json& schema, const std::string& key) {
  if (const auto all = schema.find("properties"); all != schema.end() && all->is_object()) {
    if (const auto own = all->find(key); own != all->end()) return *own;
  }
  return schema_of_others(schema);
}

Json all_of(const Json& a, const Json& b) {
  if (a == kTrue) return b;
  if (b == kTrue || a == b) return a;
  if (a == Json(false) || b == Json(false)) return false;
  return {{"allOf", Json::array({a, b})}};
}

}  // namespace

std::string pointer_to(const std::string& pointer, std::string_view key) {
  std::string out = pointer + "/";
  for (const char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

bool is_annotation(std::string_view keyword) {
  return std::find(kAnnotations.begin(), kAnnotations.end(), keyword) != kAnnotations.end();
}

bool constrains(const Json& schema, const std::set<std::string_view>& besides) {
  for (const auto& [key, value] : schema.items()) {
    if (!is_annotation(key) && !besides.contains(key)) return true;
  }
  return false;
}

void SchemaDocument::check_size() const {
  const int64_t count = count_values(root_, 0, budget_);
  if (count > kMostValues) {
    budget_.refuse(format("the schema has %lld values, %lld is the most", static_cast<long long>(count),
                          static_cast<long long>(kMostValues)));
  }
}

const Json& SchemaDocument::resolve(const Json& ref) const {
  if (!ref.is_string()) budget_.refuse("$ref is not a string");
  const std::string text = ref.get<std::string>();
  budget_.spend(static_cast<int64_t>(text.size()));
  if (text.empty() || text[0] != '#' || (text.size() > 1 && text[1] != '/')) {
    budget_.refuse("$ref \"" + excerpt(text, 80) + "\" does not point into this schema", "write \"#/$defs/NAME\"");
  }
  const Json* at = &root_;
  for (size_t begin = 2; begin <= text.size() && text.size() > 1;) {
    const size_t end = std::min(text.find('/', begin), text.size());
    const std::string key = unescaped(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
    const Json* next = nullptr;
    if (at->is_object() && at->contains(key)) next = &(*at)[key];
    if (at->is_array() && !key.empty() && key.size() < 7 && key.find_first_not_of("0123456789") == std::string::npos) {
      const size_t index = std::stoul(key);
      if (index < at->size()) next = &(*at)[index];
    }
    if (!next) budget_.refuse("$ref \"" + excerpt(text, 80) + "\" names nothing", "define it under $defs");
    budget_.spend(static_cast<int64_t>(at->size()));  // keys are looked for one by one
    at = next;
  }
  return *at;
}

/// Without $ref and allOf at its top.
Json SchemaDocument::flat(const Json& schema, int depth) const {
  if (depth > kMostMerges) {
    budget_.refuse("allOf and $ref lead back to each other, or lie too deep", "write the schemas out");
  }
  if (!schema.is_object()) return schema;
  budget_.spend(8 * count_values(schema, 0, budget_));
  Json out = schema;
  if (const auto ref = schema.find("$ref"); ref != schema.end()) {
    out.erase("$ref");
    out = both(out, resolve(*ref), depth + 1);
  }
  if (const auto parts = schema.find("allOf"); parts != schema.end()) {
    if (!parts->is_array() || parts->empty()) budget_.refuse("allOf is not a list of schemas");
    if (out.is_object()) out.erase("allOf");
    for (const Json& part : *parts) out = both(out, part, depth + 1);
  }
  return out;
}

Json SchemaDocument::both(const Json& left, const Json& right, int depth) const {
  Json a = flat(left, depth), b = flat(right, depth);
  for (const Json* schema : {&a, &b}) {
    if (schema->is_boolean() && !schema->get<bool>()) return false;
    if (!schema->is_object() && !schema->is_boolean())
      budget_.refuse("a schema is neither an object nor true or false");
  }
  if (a.is_boolean()) return b;
  if (b.is_boolean()) return a;
  return both_objects(a, b);
}

Json SchemaDocument::both_objects(const Json& a, const Json& b) const {
  Json out = Json::object();
  const auto take = [&](const std::string& key, const Json& value) { out[key] = value; };
  std::set<std::string> keys;
  for (const Json* schema : {&a, &b}) {
    for (const auto& [key, value] : schema->items()) {
      if (!is_annotation(key)) keys.insert(key);
    }
  }
  // Of objects: every property satisfies what either side says of it.
  if (keys.contains("properties") || keys.contains("additionalProperties")) {
    Json properties = Json::object();
    int64_t searched = 0;
    for (const Json* schema : {&a, &b}) {
      if (const auto own = schema->find("properties"); own != schema->end())
        searched += static_cast<int64_t>(own->size());
    }
    for (const Json* schema : {&a, &b}) {
      const auto own = schema->find("properties");
      if (own == schema->end()) continue;
      if (!own->is_object()) budget_.refuse("properties is not an object");
      for (const auto& [key, value] : own->items()) {
        budget_.spend(4 + searched);  // keys are looked for one by one
        if (!properties.contains(key)) properties[key] = all_of(schema_of(a, key), schema_of(b, key));
      }
    }
    if (keys.contains("properties")) take("properties", properties);
    if (keys.contains("additionalProperties")) {
      take("additionalProperties", all_of(schema_of_others(a), schema_of_others(b)));
    }
    keys.erase("properties");
    keys.erase("additionalProperties");
  }
  if (keys.contains("prefixItems") && a != b &&
      std::min(a.contains("prefixItems") + a.contains("items"), b.contains("prefixItems") + b.contains("items")) > 0) {
    budget_.refuse("prefixItems meets another prefixItems or items in allOf, $ref or anyOf, which is not supported",
                   "write one schema that says both");
  }
  for (const std::string& key : keys) {
    const auto in_a = a.find(key), in_b = b.find(key);
    if (in_a == a.end() || in_b == b.end()) {
      take(key, in_a == a.end() ? *in_b : *in_a);
    } else if (*in_a == *in_b) {
      take(key, *in_a);
    } else if (key == "type") {
      const Json types = common_types(a, b);
      if (types.empty()) return false;
      take(key, types.size() == 1 ? types[0] : types);
    } else if (key == "required" && in_a->is_array() && in_b->is_array()) {
      Json all = *in_a;
      for (const Json& name : *in_b) all.push_back(name);
      take(key, all);
    } else if (key == "enum" && in_a->is_array() && in_b->is_array()) {
      budget_.spend(static_cast<int64_t>(in_a->size() * in_b->size()));
      const Json values = common_values(*in_a, *in_b);
      if (values.empty()) return false;
      take(key, values);
    } else if (key == "const") {
      return false;
    } else if (key == "items") {
      take(key, all_of(*in_a, *in_b));
    } else if (key.starts_with("min") || key == "exclusiveMinimum") {
      take(key, std::max(*in_a, *in_b));
    } else if (key.starts_with("max") || key == "exclusiveMaximum") {
      take(key, std::min(*in_a, *in_b));
    } else {
      budget_.refuse("two different " + key + " meet in allOf, $ref or anyOf, which is not supported",
                     "write one schema that says both");
    }
  }
  return out;
}

}  // namespace hone::generate
