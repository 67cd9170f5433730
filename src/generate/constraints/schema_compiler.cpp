#include "generate/constraints/schema_compiler.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "generate/constraints/json.h"

namespace hone::generate {
namespace {

constexpr int kDeepestPart = 200;  // schemas in schemas, what $ref and allOf put together included

/// What a keyword speaks about; "" for all values.
constexpr std::array<std::pair<std::string_view, std::string_view>, 23> kKeywords{{
    {"$ref", ""},
    {"additionalProperties", "object"},
    {"allOf", ""},
    {"anyOf", ""},
    {"const", ""},
    {"enum", ""},
    {"exclusiveMaximum", "number"},
    {"exclusiveMinimum", "number"},
    {"format", "string"},
    {"items", "array"},
    {"maxItems", "array"},
    {"maxLength", "string"},
    {"maximum", "number"},
    {"minItems", "array"},
    {"minLength", "string"},
    {"minimum", "number"},
    {"oneOf", ""},
    {"pattern", "string"},
    {"prefixItems", "array"},
    {"properties", "object"},
    {"required", "object"},
    {"type", ""},
    {"uniqueItems", ""},
}};
constexpr std::array<const char*, 7> kTypes = {"array", "boolean", "integer", "null", "number", "object", "string"};

bool is_known(std::string_view key) {
  return std::any_of(kKeywords.begin(), kKeywords.end(), [key](const auto& entry) { return entry.first == key; });
}

bool is_of_type(const Json& value, std::string_view type) {
  if (type == "integer") return value.is_number_integer();
  return (type == "array" && value.is_array()) || (type == "boolean" && value.is_boolean()) ||
         (type == "null" && value.is_null()) || (type == "number" && value.is_number()) ||
         (type == "object" && value.is_object()) || (type == "string" && value.is_string());
}

}  // namespace

SchemaCompiler::At::At(SchemaCompiler& compiler, std::string pointer)
    : compiler_(compiler), before_(compiler.budget_.place), depth_before_(compiler.depth_) {
  compiler_.budget_.place = compiler_.label_ + ": " + std::move(pointer);
  if (++compiler_.depth_ > kDeepestPart) {
    compiler_.depth_ = depth_before_;
    compiler_.budget_.refuse("schemas lie too deep in each other, or lead back to themselves through allOf",
                             "write the schemas out");
  }
}

SchemaCompiler::At::~At() {
  compiler_.budget_.place = std::move(before_);
  compiler_.depth_ = depth_before_;
}

SchemaCompiler::SchemaCompiler(const Json& root, std::string label, JsonGrammar& grammar, int64_t units)
    : root_(root),
      label_(std::move(label)),
      grammar_(grammar),
      budget_{.left = units, .place = label_ + ": #"},
      document_(root, budget_),
      build_(grammar, budget_) {}

void SchemaCompiler::refuse(const std::string& pointer, const std::string& message, const std::string& remedy) {
  fail_input(label_ + ": " + pointer, message, remedy);
}

void SchemaCompiler::compile() {
  const int32_t begin = value(root_, "#", build_.done());
  build_.finish(build_.leaf(literal_leaf({"", " ", "\n"}, budget_), begin));
}

void SchemaCompiler::compile_any_object() {
  any(build_.done());
  const int32_t begin = build_.call(parts_.at("any object"), build_.done());
  build_.finish(build_.leaf(literal_leaf({"", " ", "\n"}, budget_), begin));
}

void SchemaCompiler::check_keywords(const Json& schema, const std::string& pointer) {
  for (const auto& [key, value] : schema.items()) {
    if (!is_annotation(key) && !is_known(key)) {
      refuse(pointer_to(pointer, key), "the keyword \"" + excerpt(key, 60) + "\" is not supported",
             "leave it out and check for it in the answer");
    }
  }
  if (const auto unique = schema.find("uniqueItems"); unique != schema.end() && *unique != Json(false)) {
    refuse(pointer + "/uniqueItems", "the keyword \"uniqueItems\" is not supported",
           "leave it out and check for it in the answer");
  }
}

int32_t SchemaCompiler::value(const Json& schema, const std::string& pointer, int32_t next) {
  const At at(*this, pointer);
  budget_.spend(20);
  if (schema.is_boolean()) return schema.get<bool>() ? any(next) : -1;
  if (!schema.is_object()) refuse(pointer, "a schema is neither an object nor true or false");
  check_keywords(schema, pointer);
  if (schema.contains("$ref")) return reference(schema, pointer, next);
  if (const auto parts = schema.find("allOf"); parts != schema.end()) {
    // The usual case, one schema wrapped so that a description can stand beside it.
    if (parts->is_array() && parts->size() == 1 && !constrains(schema, {"allOf"})) {
      return value((*parts)[0], pointer + "/allOf/0", next);
    }
    return value(document_.both(schema, true), pointer, next);
  }
  if (schema.contains("enum") || schema.contains("const")) return literals(schema, pointer, next);
  if (schema.contains("anyOf")) return alternatives(schema, pointer, "anyOf", next);
  if (schema.contains("oneOf")) return alternatives(schema, pointer, "oneOf", next);
  return typed(schema, pointer, next);
}

int32_t SchemaCompiler::reference(const Json& schema, const std::string& pointer, int32_t next) {
  if (constrains(schema, {"$ref"})) return value(document_.both(schema, true), pointer, next);
  return build_.call(part(schema["$ref"]), next);
}

int32_t SchemaCompiler::part(const Json& ref) {
  const Json& target = document_.resolve(ref);
  // Two spellings of one pointer give two parts; there are finitely many.
  const auto pointer = ref.get<std::string>();
  const auto [at, is_new] = parts_.try_emplace(pointer, -1);
  if (!is_new) return at->second;
  const int32_t begin = at->second = build_.placeholder();
  build_.fill(begin, value(target, pointer, build_.done()));
  return begin;
}

int32_t SchemaCompiler::alternatives(const Json& schema, const std::string& pointer, const char* keyword,
                                     int32_t next) {
  const Json& among = schema[keyword];
  const std::string here = pointer_to(pointer, keyword);
  if (!among.is_array() || among.empty()) refuse(here, "is not a list of schemas");
  if (std::string_view(keyword) == "oneOf") {
    grammar_.notes.push_back(here + ": oneOf is taken as anyOf; that no second alternative matches is not checked");
  } else if (schema.contains("oneOf")) {
    refuse(pointer + "/oneOf", "oneOf beside anyOf is not supported", "put one of them inside the other");
  }
  Json rest = Json::object();
  for (const auto& [key, value] : schema.items()) {
    if (key != keyword && !is_annotation(key)) rest[key] = value;
  }
  std::vector<int32_t> begins;
  for (size_t i = 0; i < among.size(); ++i) {
    const At at(*this, pointer_to(here, std::to_string(i)));
    const Json& one = among[i];
    begins.push_back(value(rest.empty() ? one : document_.both(rest, one), pointer_to(here, std::to_string(i)), next));
  }
  return build_.split(std::move(begins));
}

/// enum and const: the values as they stand, in one line without blanks.
int32_t SchemaCompiler::literals(const Json& schema, const std::string& pointer, int32_t next) {
  Json values = Json::array();
  for (const auto& [key, value] : schema.items()) {
    if (key == "enum" && (!value.is_array() || value.empty())) refuse(pointer + "/enum", "is not a list of values");
    if (!is_annotation(key) && key != "enum" && key != "const" && key != "type") {
      refuse(pointer_to(pointer, key), "the keyword \"" + key + "\" beside enum or const is not supported",
             "leave out the values that it forbids");
    }
  }
  if (schema.contains("enum")) {
    for (const Json& value : schema["enum"]) {
      if (!schema.contains("const") || value == schema["const"]) values.push_back(value);
    }
  } else {
    values.push_back(schema["const"]);
  }
  const std::vector<std::string> types = types_of(schema, pointer);
  std::vector<std::string> spelled;
  for (const Json& value : values) {
    const bool fits =
        std::any_of(types.begin(), types.end(), [&](const std::string& t) { return is_of_type(value, t); });
    if (fits || !schema.contains("type")) spelled.push_back(to_line(value));
  }
  return spelled.empty() ? -1 : build_.leaf(literal_leaf(spelled, budget_), next);
}

/// Without "type", the types that the keywords speak about: other values, which JSON Schema would let pass, are
/// hardly ever meant.
std::vector<std::string> SchemaCompiler::types_of(const Json& schema, const std::string& pointer) {
  std::vector<std::string> out;
  const auto add = [&out](const std::string& type) {
    if (std::find(out.begin(), out.end(), type) == out.end()) out.push_back(type);
  };
  if (const auto type = schema.find("type"); type != schema.end()) {
    for (const Json& one : type->is_array() ? *type : Json::array({*type})) {
      if (!one.is_string() || std::find(kTypes.begin(), kTypes.end(), one.get<std::string>()) == kTypes.end()) {
        refuse(pointer + "/type", to_line(one) + " is not a type",
               "use array, boolean, integer, null, number, object or string");
      }
      add(one.get<std::string>());
    }
    return out;
  }
  for (const auto& [key, value] : schema.items()) {
    for (const auto& [keyword, type] : kKeywords) {
      if (keyword == key && !type.empty()) add(std::string(type));
    }
  }
  return out;
}

int32_t SchemaCompiler::typed(const Json& schema, const std::string& pointer, int32_t next) {
  const std::vector<std::string> types = types_of(schema, pointer);
  if (types.empty() && !schema.contains("type")) return any(next);
  const bool number = std::find(types.begin(), types.end(), "number") != types.end();
  std::vector<int32_t> begins;
  for (const std::string& type : types) {
    if (type != "integer" || !number) begins.push_back(of_type(type, schema, pointer, next));
  }
  return build_.split(std::move(begins));
}

int32_t SchemaCompiler::of_type(const std::string& type, const Json& schema, const std::string& pointer, int32_t next) {
  if (type == "null") return build_.literal("null", next);
  if (type == "boolean") return build_.leaf(literal_leaf({"true", "false"}, budget_), next);
  if (type == "string") return string(schema, pointer, next);
  if (type == "integer" || type == "number") return number(type == "integer", schema, pointer, next);
  if (type == "array") return build_.call(array(schema, pointer), next);
  return build_.call(object(schema, pointer), next);
}

std::optional<uint32_t> SchemaCompiler::count(const Json& schema, const char* keyword, const std::string& pointer) {
  const auto at = schema.find(keyword);
  if (at == schema.end()) return std::nullopt;
  const bool whole = at->is_number_float() && at->get<double>() >= 0 && at->get<double>() < 1e9 &&
                     at->get<double>() == static_cast<double>(static_cast<int64_t>(at->get<double>()));
  const auto number = whole ? static_cast<int64_t>(at->get<double>())
                      : at->is_number_unsigned() && at->get<uint64_t>() < 1'000'000'000
                          ? static_cast<int64_t>(at->get<uint64_t>())
                      : at->is_number_integer() && !at->is_number_unsigned() ? at->get<int64_t>()
                                                                             : -1;
  if (number < 0 || number >= 1'000'000'000) {
    refuse(pointer_to(pointer, keyword),
           "is " + excerpt(to_line(*at), 40) + ", expected a whole number from 0 to 999999999");
  }
  return static_cast<uint32_t>(number);
}

std::shared_ptr<const JsonGrammar> compile_json_schema(const Json& schema, bool strict, const std::string& name,
                                                       const std::string& what) {
  auto grammar = std::make_shared<JsonGrammar>();
  SchemaCompiler compiler(schema, what + " '" + excerpt(name, 64) + "'", *grammar);
  compiler.check_size();
  if (strict) check_strict(schema, name, what);
  compiler.compile();
  return grammar;
}

std::shared_ptr<const JsonGrammar> compile_json_object() {
  static const std::shared_ptr<const JsonGrammar> grammar = [] {
    auto out = std::make_shared<JsonGrammar>();
    SchemaCompiler(true, "response_format", *out).compile_any_object();
    return out;
  }();
  return grammar;
}

}  // namespace hone::generate
