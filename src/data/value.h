// A read-only view of one parsed JSON value, and the parser that makes it. Fast: a line is parsed in place
// (simdjson) and a Value is two words. Views live until their parser's next parse().
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hone::data {

class Value {
 public:
  enum class Kind { kMissing, kNull, kBool, kNumber, kString, kArray, kObject };

  Value() = default;
  Kind kind() const { return kind_; }
  /// "missing", "null", "a boolean", "a number", "a string", "a list", "an object": for messages.
  const char* kind_name() const;
  bool exists() const { return kind_ != Kind::kMissing; }
  bool is_null() const { return kind_ == Kind::kNull; }
  bool is_string() const { return kind_ == Kind::kString; }
  bool is_array() const { return kind_ == Kind::kArray; }
  bool is_object() const { return kind_ == Kind::kObject; }

  /// The text of a string, "" for anything else.
  std::string_view string() const;
  /// A number's value, 0 for anything else.
  double number() const;
  /// The object's member, missing when there is none or this is no object. Of equal keys the first counts.
  Value member(std::string_view key) const;
  /// Elements of a list, empty for anything else.
  std::vector<Value> items() const;
  /// Members of an object in written order, empty for anything else.
  std::vector<std::pair<std::string_view, Value>> members() const;
  /// The value as compact JSON, "" when missing.
  std::string json() const;

 private:
  friend class JsonParser;
  template <typename Element>
  static Value wrap(const Element& element);

  Kind kind_ = Kind::kMissing;
  std::array<uint64_t, 2> element_{};  // a simdjson::dom::element, kept out of this header
};

/// Where and why a text is no JSON document.
struct JsonFault {
  size_t byte = 0;  ///< offset in the text
  std::string message;
};

/// Reuses its memory from parse to parse. Nesting beyond 1024 levels is a fault.
class JsonParser {
 public:
  /// Bytes behind the text that must be readable (their content does not matter).
  static constexpr size_t kPadding = 64;

  JsonParser();
  ~JsonParser();
  JsonParser(JsonParser&&) noexcept;
  JsonParser& operator=(JsonParser&&) noexcept;

  /// `text` must be followed by kPadding readable bytes. False and `fault` when it is not one JSON document.
  bool parse(std::string_view text, Value& value, JsonFault& fault);
  /// The same for a text of any origin, at the price of a copy.
  bool parse_copy(std::string_view text, Value& value, JsonFault& fault);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Whether `json` is an object with this member; false for "".
bool has_member(const std::string& json, std::string_view key);

/// `text` as a JSON string, quotes included; UTF-8 passes through.
std::string json_quote(std::string_view text);

}  // namespace hone::data
