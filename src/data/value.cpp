#include "data/value.h"

#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace hone::data {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

static_assert(sizeof(element) == sizeof(std::array<uint64_t, 2>));
static_assert(std::is_trivially_copyable_v<element>);
static_assert(JsonParser::kPadding >= simdjson::SIMDJSON_PADDING);

element unwrap(const std::array<uint64_t, 2>& bytes) {
  return std::bit_cast<element>(bytes);
}

Value::Kind kind_of(const element& value) {
  switch (value.type()) {
    case element_type::ARRAY: return Value::Kind::kArray;
    case element_type::OBJECT: return Value::Kind::kObject;
    case element_type::STRING: return Value::Kind::kString;
    case element_type::BOOL: return Value::Kind::kBool;
    case element_type::NULL_VALUE: return Value::Kind::kNull;
    case element_type::INT64:
    case element_type::UINT64:
    case element_type::DOUBLE: return Value::Kind::kNumber;
  }
  return Value::Kind::kMissing;
}

/// Finds the place of a syntax error, which simdjson's tree parser does not tell.
struct PlaceFinder : nlohmann::json::json_sax_t {
  size_t byte = 0;
  std::string message;
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
    byte = position > 0 ? position - 1 : 0;
    message = "not valid JSON";
    return false;
  }
};

JsonFault locate(std::string_view text, simdjson::error_code code) {
  JsonFault fault;
  PlaceFinder finder;
  if (code == simdjson::DEPTH_ERROR) {
    fault.message = "nested deeper than 1024 levels";
  } else if (nlohmann::json::sax_parse(text.begin(), text.end(), &finder)) {
    fault.message = std::string("not valid JSON: ") + simdjson::error_message(code);
  } else {
    fault.byte = std::min(finder.byte, text.size());
    const size_t from = fault.byte > 20 ? fault.byte - 20 : 0;
    fault.message = text.empty() ? "empty, expected a JSON object"
                                 : "not valid JSON near \"" + excerpt(text.substr(from, 120), 40) + "\"";
    if (fault.byte >= text.size() && !text.empty()) fault.message += ", where it ends too early";
  }
  return fault;
}

}  // namespace

template <typename Element>
Value Value::wrap(const Element& element) {
  Value value;
  value.kind_ = kind_of(element);
  value.element_ = std::bit_cast<std::array<uint64_t, 2>>(element);
  return value;
}

const char* Value::kind_name() const {
  switch (kind_) {
    case Kind::kNull: return "null";
    case Kind::kBool: return "a boolean";
    case Kind::kNumber: return "a number";
    case Kind::kString: return "a string";
    case Kind::kArray: return "a list";
    case Kind::kObject: return "an object";
    case Kind::kMissing: break;
  }
  return "missing";
}

std::string_view Value::string() const {
  std::string_view text;
  if (kind_ == Kind::kString && unwrap(element_).get(text) == simdjson::SUCCESS) return text;
  return {};
}

double Value::number() const {
  double number = 0;
  if (kind_ == Kind::kNumber && unwrap(element_).get(number) == simdjson::SUCCESS) return number;
  return 0;
}

Value Value::member(std::string_view key) const {
  element found;
  if (kind_ != Kind::kObject || unwrap(element_).at_key(key).get(found) != simdjson::SUCCESS) return {};
  return wrap(found);
}

std::vector<Value> Value::items() const {
  std::vector<Value> result;
  simdjson::dom::array array;
  if (kind_ != Kind::kArray || unwrap(element_).get(array) != simdjson::SUCCESS) return result;
  result.reserve(array.size());
  for (const element& item : array) result.push_back(wrap(item));
  return result;
}

std::vector<std::pair<std::string_view, Value>> Value::members() const {
  std::vector<std::pair<std::string_view, Value>> result;
  simdjson::dom::object object;
  if (kind_ != Kind::kObject || unwrap(element_).get(object) != simdjson::SUCCESS) return result;
  result.reserve(object.size());
  for (const auto field : object) result.emplace_back(field.key, wrap(field.value));
  return result;
}

std::string Value::json() const {
  return exists() ? simdjson::minify(unwrap(element_)) : std::string();
}

struct JsonParser::Impl {
  simdjson::dom::parser parser;
  std::string copy;
};

JsonParser::JsonParser() : impl_(std::make_unique<Impl>()) {}
JsonParser::~JsonParser() = default;
JsonParser::JsonParser(JsonParser&&) noexcept = default;
JsonParser& JsonParser::operator=(JsonParser&&) noexcept = default;

bool JsonParser::parse(std::string_view text, Value& value, JsonFault& fault) {
  element root;
  const simdjson::error_code code =
      impl_->parser.parse(text.data(), text.size(), /*realloc_if_needed=*/false).get(root);
  if (code != simdjson::SUCCESS) {
    fault = locate(text, code);
    return false;
  }
  value = Value::wrap(root);
  return true;
}

bool JsonParser::parse_copy(std::string_view text, Value& value, JsonFault& fault) {
  impl_->copy.assign(text);
  impl_->copy.append(kPadding, '\0');
  return parse(std::string_view(impl_->copy).substr(0, text.size()), value, fault);
}

bool has_member(const std::string& json, std::string_view key) {
  if (json.empty()) return false;
  JsonParser parser;
  Value value;
  JsonFault fault;
  return parser.parse_copy(json, value, fault) && value.member(key).exists();
}

std::string json_quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    switch (c) {
      case '"': quoted += "\\\""; break;
      case '\\': quoted += "\\\\"; break;
      case '\n': quoted += "\\n"; break;
      case '\r': quoted += "\\r"; break;
      case '\t': quoted += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20)
          quoted += format("\\u%04x", c);
        else
          quoted += c;
    }
  }
  return quoted + "\"";
}

}  // namespace hone::data
