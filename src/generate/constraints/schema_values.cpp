// Values of one type: strings, numbers, objects, arrays.
#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "generate/constraints/schema_compiler.h"
#include "text/unicode.h"

namespace hone::generate {
namespace {

constexpr uint32_t kMostOptional = 256;  // optional properties in a row: as many alternatives at one place

/// Without exponent and to the last digit, e.g. "-0.5".
std::string decimal(const Json& number) {
  if (number.is_number_integer()) return to_line(number);
  std::array<char, 400> buffer{};
  const auto done =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), number.get<double>(), std::chars_format::fixed);
  return {buffer.data(), done.ptr};
}

}  // namespace

int32_t SchemaCompiler::string(const Json& schema, const std::string& pointer, int32_t next) {
  const uint32_t min = count(schema, "minLength", pointer).value_or(0);
  const std::optional<uint32_t> max = count(schema, "maxLength", pointer);
  if (max && *max < min) return -1;
  std::optional<CharDfa> chars;
  const auto meet = [&](const char* keyword, const char* pattern) {
    const At at(*this, pointer_to(pointer, keyword));
    CharDfa dfa = compile_regex(pattern, budget_);
    chars = chars ? intersect(*chars, dfa, budget_) : std::move(dfa);
  };
  if (const auto format = schema.find("format"); format != schema.end()) {
    const char* pattern = format->is_string() ? format_pattern(format->get<std::string>()) : nullptr;
    if (!pattern) {
      refuse(pointer + "/format", "the format " + excerpt(to_line(*format), 40) + " is not supported",
             "use date, date-time, email, ipv4, time or uuid, or a pattern");
    }
    meet("format", pattern);
  }
  if (const auto pattern = schema.find("pattern"); pattern != schema.end()) {
    if (!pattern->is_string()) refuse(pointer + "/pattern", "is not a string");
    meet("pattern", pattern->get<std::string>().c_str());
  }
  if (!chars) return build_.leaf(string_leaf(), next, min, max.value_or(GrammarNode::kNoBound));
  if (min > 0 || max)
    chars = intersect(*chars, length_dfa(min, max ? static_cast<int64_t>(*max) : -1, budget_), budget_);
  return build_.leaf(string_leaf(*chars, budget_), next);
}

int32_t SchemaCompiler::number(bool integer, const Json& schema, const std::string& pointer, int32_t next) {
  const auto limit = [&](const char* keyword) -> const Json* {
    const auto at = schema.find(keyword);
    if (at == schema.end()) return nullptr;
    if (!at->is_number()) refuse(pointer_to(pointer, keyword), "is not a number");
    return &*at;
  };
  const auto choose = [](const Json* closed, const Json* open, bool low, std::optional<std::string>& bound,
                         bool& is_open) {
    // Of two bounds the narrower; of two that are the same the open one.
    is_open = open && (!closed || (low ? *open >= *closed : *open <= *closed));
    if (const Json* chosen = is_open ? open : closed) bound = decimal(*chosen);
  };
  NumberRange range;
  choose(limit("minimum"), limit("exclusiveMinimum"), true, range.low, range.low_open);
  choose(limit("maximum"), limit("exclusiveMaximum"), false, range.high, range.high_open);
  return build_.leaf(number_leaf(integer, range, budget_), next);
}

int32_t SchemaCompiler::member(const std::string& key, const Json& schema, const std::string& pointer, int32_t next) {
  const std::string spelled = to_line(Json(key)) + ":";
  return build_.leaf(literal_leaf({spelled, spelled + " "}, budget_), value(schema, pointer, next));
}

/// Built from the closing brace to the opening one: after(i) is what may come behind a member when the properties
/// before i have had their turn, keys(i) what may come behind its comma.
int32_t SchemaCompiler::object(const Json& schema, const std::string& pointer) {
  struct Property {
    std::string key;
    const Json* schema;
    bool required;
  };
  static const Json kAny = true;
  static const Json kEmpty = Json::object();
  const auto given = schema.find("properties");
  const Json& named = given == schema.end() ? kEmpty : *given;
  if (!named.is_object()) refuse(pointer + "/properties", "is not an object");
  const auto others = schema.find("additionalProperties");
  // With properties and nothing said of others, there are no others: they would hardly be meant.
  const bool closed = others == schema.end() ? given != schema.end() : *others == Json(false);

  std::set<std::string> required;
  if (const auto list = schema.find("required"); list != schema.end()) {
    if (!list->is_array()) refuse(pointer + "/required", "is not a list of names");
    for (const Json& key : *list) {
      if (!key.is_string()) refuse(pointer + "/required", "is not a list of names");
      required.insert(key.get<std::string>());
    }
  }
  std::vector<Property> properties;
  std::vector<std::string> taken;
  for (const auto& [key, property] : named.items()) {
    properties.push_back({key, &property, required.erase(key) > 0});
    taken.push_back(key);
  }
  for (const std::string& key : required) {  // named nowhere else
    if (others != schema.end() && closed) {
      refuse(pointer + "/required", "asks for \"" + excerpt(key, 60) + "\", which additionalProperties forbids",
             "define it under properties");
    }
    properties.push_back({key, others == schema.end() ? &kAny : &*others, true});
    taken.push_back(key);
  }

  const int32_t end = build_.literal("}", build_.done());
  int32_t after = build_.blank(end), keys = -1;
  bool may_close = true;
  if (!closed) {
    // A loop: another member, then the same again.
    const int32_t again = build_.placeholder();
    const Json& other = others == schema.end() ? kAny : *others;
    const int32_t content = value(other, pointer + "/additionalProperties", again);
    if (taken.empty()) {
      keys = build_.leaf(string_leaf(), build_.leaf(literal_leaf({":", ": "}, budget_), content));
    } else {
      keys = build_.leaf(other_key_leaf(taken, budget_), content);
    }
    after = build_.split({keys < 0 ? -1 : build_.literal(",", build_.blank(keys)), after});
    build_.fill(again, after);
  }
  uint32_t in_a_row = 0;
  for (size_t i = properties.size(); i-- > 0;) {
    const Property& property = properties[i];
    const std::string place = pointer_to(pointer + "/properties", property.key);
    const int32_t begin = member(property.key, *property.schema, place, after);
    in_a_row = property.required ? 0 : in_a_row + 1;
    if (in_a_row > kMostOptional) {
      refuse(pointer + "/properties", format("more than %u optional properties in a row", kMostOptional),
             "make some of them required");
    }
    keys = property.required ? begin : build_.split({begin, keys});
    may_close = may_close && !property.required;
    const int32_t more = keys < 0 ? -1 : build_.literal(",", build_.blank(keys));
    after = build_.split({more, may_close ? build_.blank(end) : -1});
  }
  return build_.literal("{", build_.blank(build_.split({keys, may_close ? end : -1})));
}

/// Built from the closing bracket to the opening one, like objects.
int32_t SchemaCompiler::array(const Json& schema, const std::string& pointer) {
  static const Json kAny = true;
  const auto items = schema.find("items");
  if (items != schema.end() && items->is_array()) {
    refuse(pointer + "/items", "is a list of schemas, as before draft 2020-12", "rename it prefixItems");
  }
  const auto prefix = schema.find("prefixItems");
  if (prefix != schema.end() && !prefix->is_array()) refuse(pointer + "/prefixItems", "is not a list of schemas");
  const size_t first = prefix == schema.end() ? 0 : prefix->size();
  const size_t min = count(schema, "minItems", pointer).value_or(0);
  std::optional<size_t> max = count(schema, "maxItems", pointer);
  const Json& rest = items == schema.end() ? kAny : *items;
  // Items behind the prefix are hardly meant unless something is said of them.
  if (rest == Json(false) || (items == schema.end() && first > 0 && min <= first && !max))
    max = std::min(first, max.value_or(first));
  if (max && *max < min) return -1;

  const int32_t end = build_.literal("]", build_.done());
  const size_t told = std::max(first, min);  // from here on one item is as another
  // One part that is called for every item; by itself, for here a schema may stand that allOf put together.
  const int32_t item = max && *max <= first ? -1 : build_.placeholder();
  if (item >= 0) build_.fill(item, value(rest, pointer + "/items", build_.done()));
  int32_t after = build_.blank(end), begin = -1;
  size_t at = told;
  if (!max) {
    const int32_t again = build_.placeholder();
    begin = build_.call(item, again);
    after = build_.split({begin < 0 ? -1 : build_.literal(",", build_.blank(begin)), build_.blank(end)});
    build_.fill(again, after);
  } else {
    at = *max;
  }
  while (at-- > 0) {
    begin = at < first ? value((*prefix)[at], pointer_to(pointer + "/prefixItems", std::to_string(at)), after)
                       : build_.call(item, after);
    const int32_t more = begin < 0 ? -1 : build_.literal(",", build_.blank(begin));
    after = build_.split({more, at >= min ? build_.blank(end) : -1});
  }
  return build_.literal("[", build_.blank(build_.split({begin, min == 0 ? end : -1})));
}

int32_t SchemaCompiler::any(int32_t next) {
  if (any_ < 0) {
    any_ = build_.placeholder();
    const int32_t done = build_.done();
    static const Json kObject = Json::object(), kArray = Json::object();
    const int32_t an_object = object(kObject, "#"), an_array = array(kArray, "any array");
    parts_["any object"] = an_object;
    build_.fill(any_, build_.split({build_.leaf(string_leaf(), done), number(false, kObject, "#", done),
                                    build_.leaf(literal_leaf({"true", "false", "null"}, budget_), done),
                                    build_.call(an_object, done), build_.call(an_array, done)}));
  }
  return build_.call(any_, next);
}

}  // namespace hone::generate
