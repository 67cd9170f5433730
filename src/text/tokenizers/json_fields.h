// Reading fields of a tokenizer.json with messages that name the field. For sources only, not headers.
#pragma once
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>

#include "base/error.h"
#include "base/json.h"
#include "text/unicode.h"

namespace hone::text {

/// `value` as a T: std::string, bool or an integer type (range checked). Anything else throws at `place`.
template <typename T>
T json_as(const Json& value, const std::string& place) {
  if constexpr (std::is_same_v<T, std::string>) {
    if (value.is_string()) return value.get<std::string>();
    fail_input(place, std::string("must be a string, is ") + value.type_name());
  } else if constexpr (std::is_same_v<T, bool>) {
    if (value.is_boolean()) return value.get<bool>();
    fail_input(place, std::string("must be true or false, is ") + value.type_name());
  } else {
    static_assert(std::is_integral_v<T>);
    if (!value.is_number_integer()) fail_input(place, std::string("must be an integer, is ") + value.type_name());
    const bool fits = value.is_number_unsigned()
                          ? value.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<T>::max())
                          : value.get<int64_t>() >= static_cast<int64_t>(std::numeric_limits<T>::min());
    if (!fits) fail_input(place, "the number " + value.dump() + " is out of range");
    return value.get<T>();
  }
}

/// The field `name` of `object`; a missing one throws.
template <typename T>
T field(const Json& object, const char* name, const std::string& place) {
  if (!object.is_object()) fail_input(place, std::string("must be an object, is ") + object.type_name());
  const auto it = object.find(name);
  if (it == object.end()) fail_input(place, std::string("lacks the field \"") + name + "\"");
  return json_as<T>(*it, place + "." + name);
}

/// The same; missing or null gives `fallback`.
template <typename T>
T field_or(const Json& object, const char* name, T fallback, const std::string& place) {
  if (!object.is_object()) fail_input(place, std::string("must be an object, is ") + object.type_name());
  const auto it = object.find(name);
  return it == object.end() || it->is_null() ? fallback : json_as<T>(*it, place + "." + name);
}

/// The list `name` of `object`.
inline const Json& list_field(const Json& object, const char* name, const std::string& place) {
  if (!object.is_object()) fail_input(place, std::string("must be an object, is ") + object.type_name());
  const auto it = object.find(name);
  if (it == object.end() || !it->is_array()) fail_input(place, std::string("needs a list \"") + name + "\"");
  return *it;
}

/// A field that holds exactly one character.
inline std::string character_field(const Json& object, const char* name, const std::string& place) {
  std::string text = field<std::string>(object, name, place);
  if (text.empty() || utf8_length(static_cast<unsigned char>(text[0])) != text.size()) {
    fail_input(place + "." + name, "must be one character, is \"" + text + "\"");
  }
  return text;
}

}  // namespace hone::text
