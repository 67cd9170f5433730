// The values a template works with: Python's None, bool, int, float, str, list, tuple, dict, Jinja's
// Undefined, and objects (macros, loops, namespaces, iterators, methods). Lists, tuples and dicts never
// change once made, as in Jinja's immutable sandbox, so values are shared freely.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"

namespace hone::text::jinja {

/// Python's integers have no end; 128 bits hold every number JSON can bring, and a result beyond them
/// is reported rather than wrapped.
__extension__ using Int = __int128;

class Runtime;
class Value;
class Object;
class Dict;

/// What has not been given a value (inside the interpreter only; templates see Undefined).
struct Missing {};
struct None {};

struct Undefined {
  std::shared_ptr<const std::string> message;  ///< what a use of it reports
};

struct Text {
  std::shared_ptr<const std::string> bytes;  ///< UTF-8
  bool markup = false;                       ///< made by |escape or |safe: what joins it is escaped
};

/// The items of a list or tuple. `depth` counts nesting, which is bounded so that no walk over a value
/// can exhaust the stack.
struct Items {
  std::vector<Value> values;
  int depth = 1;
};
struct List {
  std::shared_ptr<const Items> items;
};
struct Tuple {
  std::shared_ptr<const Items> items;
};

class Value {
 public:
  Value() = default;  ///< Missing
  Value(None none) : data_(none) {}
  Value(bool flag) : data_(flag) {}
  Value(Int number) : data_(number) {}
  Value(int number) : data_(Int{number}) {}
  Value(size_t number) : data_(static_cast<Int>(number)) {}
  Value(double number) : data_(number) {}
  Value(std::string text) : data_(Text{std::make_shared<const std::string>(std::move(text)), false}) {}
  Value(std::string_view text) : Value(std::string(text)) {}
  Value(const char* text) : Value(std::string(text)) {}
  Value(Text text) : data_(std::move(text)) {}
  Value(Undefined undefined) : data_(std::move(undefined)) {}
  Value(List list) : data_(std::move(list)) {}
  Value(Tuple tuple) : data_(std::move(tuple)) {}
  Value(std::shared_ptr<const Dict> dict) : data_(std::move(dict)) {}
  Value(std::shared_ptr<Object> object) : data_(std::move(object)) {}
  template <typename T>
  requires std::is_base_of_v<Object, T> Value(std::shared_ptr<T> object)
      : data_(std::shared_ptr<Object>(std::move(object))) {}

  bool is_missing() const { return std::holds_alternative<Missing>(data_); }
  bool is_undefined() const { return std::holds_alternative<Undefined>(data_); }
  bool is_none() const { return std::holds_alternative<None>(data_); }
  bool is_bool() const { return std::holds_alternative<bool>(data_); }
  /// An int that is not a bool.
  bool is_int() const { return std::holds_alternative<Int>(data_); }
  bool is_float() const { return std::holds_alternative<double>(data_); }
  bool is_string() const { return std::holds_alternative<Text>(data_); }
  bool is_list() const { return std::holds_alternative<List>(data_); }
  bool is_tuple() const { return std::holds_alternative<Tuple>(data_); }
  bool is_dict() const { return std::holds_alternative<std::shared_ptr<const Dict>>(data_); }
  bool is_object() const { return std::holds_alternative<std::shared_ptr<Object>>(data_); }
  /// bool or int: what Python takes for an index or a count.
  bool is_integral() const { return is_bool() || is_int(); }
  bool is_number() const { return is_integral() || is_float(); }

  bool as_bool() const { return std::get<bool>(data_); }
  double as_float() const { return std::get<double>(data_); }
  /// An int, or a bool as 0 or 1.
  Int as_int() const { return is_bool() ? Int{as_bool() ? 1 : 0} : std::get<Int>(data_); }
  const Text& as_text() const { return std::get<Text>(data_); }
  const std::string& as_string() const { return *as_text().bytes; }
  const Undefined& as_undefined() const { return std::get<Undefined>(data_); }
  /// Items of a list or tuple.
  const std::shared_ptr<const Items>& as_items() const {
    return is_list() ? std::get<List>(data_).items : std::get<Tuple>(data_).items;
  }
  const std::shared_ptr<const Dict>& as_dict() const { return std::get<std::shared_ptr<const Dict>>(data_); }
  const std::shared_ptr<Object>& as_object() const { return std::get<std::shared_ptr<Object>>(data_); }
  /// The object as a `T`, null when it is something else.
  template <typename T>
  T* as() const {
    return is_object() ? dynamic_cast<T*>(as_object().get()) : nullptr;
  }

  /// type(value).__name__
  const char* type_name() const;
  /// 0 for a scalar, otherwise one more than the deepest item.
  int depth() const;

 private:
  std::variant<Missing, Undefined, None, bool, Int, double, Text, List, Tuple, std::shared_ptr<const Dict>,
               std::shared_ptr<Object>>
      data_;
};

/// A dict in insertion order. Filled once through `set`, then shared unchanged.
class Dict {
 public:
  using Entry = std::pair<Value, Value>;
  const std::vector<Entry>& entries() const { return entries_; }
  size_t size() const { return entries_.size(); }
  int depth() const { return depth_; }
  /// The value under `key`, null when absent. An unhashable key fails.
  const Value* find(Runtime& runtime, const Value& key) const;
  const Value* find(std::string_view key) const;
  void set(Runtime& runtime, const Value& key, Value value);

 private:
  const Value* find_hashed(Runtime& runtime, const Value& key, size_t hash) const;
  std::vector<Entry> entries_;
  std::unordered_multimap<size_t, size_t> index_;  ///< hash -> position
  int depth_ = 1;
};

/// Arguments of a call: f(a, b, name=c).
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

/// Python's iterator protocol; nothing when exhausted.
class Iterator {
 public:
  virtual ~Iterator() = default;
  virtual std::optional<Value> next(Runtime& runtime) = 0;
};

/// Everything that is not plain data. Defaults are those of a Python object with nothing overridden.
class Object : public std::enable_shared_from_this<Object> {
 public:
  virtual ~Object() = default;
  virtual const char* type_name() const = 0;
  virtual std::string repr(Runtime& runtime) const;
  virtual bool truthy() const { return true; }
  virtual bool callable() const { return false; }
  virtual Value call(Runtime& runtime, const Arguments& arguments);
  /// getattr(); nothing when there is no such attribute.
  virtual std::optional<Value> attribute(Runtime&, std::string_view) { return std::nullopt; }
  /// obj[key]; nothing for what Python reports as TypeError or LookupError.
  virtual std::optional<Value> item(Runtime&, const Value&) { return std::nullopt; }
  virtual bool has_items() const { return false; }
  /// len(); nothing when there is none.
  virtual std::optional<Int> length(Runtime&) { return std::nullopt; }
  /// iter(); null when it cannot be iterated.
  virtual std::shared_ptr<Iterator> iterate(Runtime&) { return nullptr; }
  virtual bool hashable() const { return true; }
  /// Gives up what it refers to; called at the end of a rendering for objects that can form a cycle.
  virtual void clear() {}
  int depth() const { return depth_; }

 protected:
  int depth_ = 1;
};

// ---- making values -----------------------------------------------------------------------------

Value undefined(std::string message);
/// The Undefined of a name nothing was assigned to.
Value undefined_name(std::string_view name);
Value markup(std::string text);
/// Fails when the nesting passes the limit.
Value make_list(Runtime& runtime, std::vector<Value> items);
Value make_tuple(Runtime& runtime, std::vector<Value> items);
Value make_dict(Runtime& runtime, std::shared_ptr<Dict> dict);
/// A document as Python's json module would load it.
Value from_json(Runtime& runtime, const Json& document);

// ---- what Python's built-in functions say --------------------------------------------------------

bool truth(const Value& value);
bool equal(Runtime& runtime, const Value& a, const Value& b);
/// Equality that Python also grants to one and the same object (NaN in a list).
bool same_or_equal(Runtime& runtime, const Value& a, const Value& b);
bool same_object(const Value& a, const Value& b);
/// a < b; fails for types that have no order.
bool less(Runtime& runtime, const Value& a, const Value& b);
enum class Order { kLess, kLessEqual, kGreater, kGreaterEqual };
bool ordered(Runtime& runtime, const Value& a, Order order, const Value& b);
/// Fails for lists and dicts.
size_t hash(Runtime& runtime, const Value& value);
/// `needle in haystack`
bool contains(Runtime& runtime, const Value& haystack, const Value& needle);
/// len(); fails where there is none.
size_t length(Runtime& runtime, const Value& value);
std::shared_ptr<Iterator> iterate(Runtime& runtime, const Value& value);
bool is_iterable(Runtime& runtime, const Value& value);
std::vector<Value> to_vector(Runtime& runtime, const Value& value);

std::string str(Runtime& runtime, const Value& value);
std::string repr(Runtime& runtime, const Value& value);
std::string repr_string(std::string_view text);
std::string repr_float(double number);
std::string int_to_string(Int number);

/// A set of hashable values, by Python's equality.
class ValueSet {
 public:
  explicit ValueSet(Runtime& runtime) : runtime_(runtime) {}
  /// False when an equal value is there already.
  bool insert(const Value& value);

 private:
  Runtime& runtime_;
  std::unordered_multimap<size_t, Value> values_;
};

}  // namespace hone::text::jinja
