#include "serve/fields.h"

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "data/utf8.h"
#include "serve/api_error.h"

namespace hone::serve {
namespace {

constexpr size_t kDeepest = 64;
constexpr size_t kMostKeys = 2048;         // of one object: members are looked for one by one
constexpr size_t kMostValues = 1'000'000;  // sixteen bytes and more each, whatever they hold

/// Refuses a document that would take much time or memory to hold, by a first reading that keeps nothing. (A reading
/// with a callback would look through a list anew at the end of each object in it.)
class BodyLimits : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return count(); }
  bool boolean(bool) override { return count(); }
  bool number_integer(number_integer_t) override { return count(); }
  bool number_unsigned(number_unsigned_t) override { return count(); }
  bool number_float(number_float_t, const string_t&) override { return count(); }
  bool string(string_t&) override { return count(); }
  bool binary(binary_t&) override { return count(); }
  bool start_object(std::size_t) override { return descend(); }
  bool start_array(std::size_t) override { return descend(); }
  bool key(string_t&) override {
    if (++keys_[depth_] > kMostKeys) {
      refuse(format("An object in the request body has more than %zu members.", kMostKeys));
    }
    return true;
  }
  bool end_object() override { return ascend(); }
  bool end_array() override { return ascend(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override { return false; }

 private:
  bool count() {
    if (++values_ > kMostValues) refuse(format("The request body holds more than %zu values.", kMostValues));
    return true;
  }
  bool descend() {
    if (++depth_ > kDeepest) refuse(format("The request body is nested more than %zu levels deep.", kDeepest));
    keys_[depth_] = 0;
    return count();
  }
  bool ascend() {
    --depth_;
    return true;
  }

  std::array<size_t, kDeepest + 1> keys_{};  // by depth
  size_t depth_ = 0, values_ = 0;
};

const char* kind_of(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_string()) return "a string";
  if (value.is_boolean()) return "a boolean";
  if (value.is_number_integer()) return "an integer";
  if (value.is_number()) return "a decimal";
  return value.is_array() ? "an array" : "an object";
}

std::string shown(double value) {
  return format("%g", value);
}
std::string shown(int64_t value) {
  return std::to_string(value);
}

}  // namespace

Json parse_body(const std::string& body) {
  BodyLimits limits;
  const bool whole = Json::sax_parse(body, &limits);
  Json document = whole ? Json::parse(body, nullptr, /*allow_exceptions=*/false) : Json(Json::value_t::discarded);
  if (document.is_discarded()) {
    refuse(
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP "
        "library correctly. The request body should be a JSON object, in UTF-8.)");
  }
  if (!document.is_object())
    refuse(std::string("The request body must be a JSON object, not ") + kind_of(document) + ".");
  return document;
}

Fields::Fields(const Json& object, std::string path) : object_(object), path_(std::move(path)) {}

std::string Fields::path(const std::string& key) const {
  return path_.empty() ? key : path_ + "." + key;
}

const Json* Fields::find(const std::string& key) const {
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

bool Fields::has(const std::string& key) const {
  return find(key) != nullptr;
}

void Fields::missing(const std::string& key) const {
  refuse("Missing required parameter: '" + path(key) + "'.", path(key), "missing_required_parameter");
}

void Fields::wrong_type(const std::string& key, const char* expected) const {
  refuse(
      "Invalid type for '" + path(key) + "': expected " + expected + ", but got " + kind_of(*find(key)) + " instead.",
      path(key), "invalid_type");
}

template <typename Number>
void Fields::check_range(const std::string& key, Number value, Number least, Number most, const char* kind) const {
  const bool below = value < least;
  if (!below && value <= most) return;
  refuse("Invalid '" + path(key) + "': " + kind + (below ? " below minimum" : " above maximum") +
             " value. Expected a value " + (below ? ">= " + shown(least) : "<= " + shown(most)) + ", but got " +
             shown(value) + " instead.",
         path(key), std::string(kind) + (below ? "_below_min_value" : "_above_max_value"));
}

std::optional<std::string> Fields::optional_text(const std::string& key, int64_t least, int64_t most) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) wrong_type(key, "a string");
  const auto& text = value->get_ref<const std::string&>();
  const auto length = static_cast<int64_t>(data::count_characters(text));
  const bool below = length < least;
  if (below || length > most) {
    refuse("Invalid '" + path(key) + "': string too " +
               (below ? "short. Expected a string with minimum length " + shown(least)
                      : "long. Expected a string with maximum length " + shown(most)) +
               ", but got " + (length == 0 ? "an empty string" : "a string with length " + shown(length)) + " instead.",
           path(key), below ? "string_below_min_length" : "string_above_max_length");
  }
  return text;
}

std::string Fields::text(const std::string& key, int64_t least, int64_t most) const {
  std::optional<std::string> value = optional_text(key, least, most);
  if (!value) missing(key);
  return *std::move(value);
}

std::optional<std::string> Fields::choice(const std::string& key, std::initializer_list<const char*> known) const {
  std::optional<std::string> value = optional_text(key);
  if (!value) return value;
  std::vector<std::string> quoted;
  for (const char* name : known) {
    if (*value == name) return value;
    quoted.push_back("'" + std::string(name) + "'");
  }
  refuse("Invalid value: '" + excerpt(*value, 40) + "'. Supported values are: " + join(quoted, ", ") + ".", path(key),
         "invalid_value");
}

std::optional<int64_t> Fields::integer(const std::string& key, int64_t least, int64_t most) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  int64_t number = 0;
  if (value->is_number_unsigned()) {
    const auto all = value->get<uint64_t>();
    number = all > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) ? std::numeric_limits<int64_t>::max()
                                                                              : static_cast<int64_t>(all);
  } else if (value->is_number_integer()) {
    number = value->get<int64_t>();
  } else if (value->is_number() && std::abs(value->get<double>()) < 9e15 &&
             value->get<double>() == std::floor(value->get<double>())) {
    number = static_cast<int64_t>(value->get<double>());  // 3.0, as some clients write whole numbers
  } else {
    wrong_type(key, "an integer");
  }
  check_range(key, number, least, most, "integer");
  return number;
}

std::optional<double> Fields::number(const std::string& key, double least, double most) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) wrong_type(key, "a decimal");
  const auto number = value->get<double>();
  check_range(key, number, least, most, "decimal");
  return number;
}

std::optional<bool> Fields::boolean(const std::string& key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) wrong_type(key, "a boolean");
  return value->get<bool>();
}

const Json* Fields::object(const std::string& key) const {
  const Json* value = find(key);
  if (value != nullptr && !value->is_object()) wrong_type(key, "an object");
  return value;
}

const Json* Fields::array(const std::string& key) const {
  const Json* value = find(key);
  if (value != nullptr && !value->is_array()) wrong_type(key, "an array");
  return value;
}

void Fields::only(std::initializer_list<const char*> known) const {
  for (const auto& [key, value] : object_.items()) {
    bool found = false;
    for (const char* name : known) found = found || key == name;
    if (found) continue;
    const std::string name = path(excerpt(key, 60));
    refuse((path_.empty() ? "Unrecognized request argument supplied: " : "Unknown parameter: '") + name +
               (path_.empty() ? "" : "'."),
           name, "unknown_parameter");
  }
}

}  // namespace hone::serve
