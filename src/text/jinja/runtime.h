// What every part of the interpreter shares while one template is rendered: the limits, where we are in
// the source, and the calls through which filters reach attributes, other filters and macros.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/value.h"

namespace hone::text::jinja {

/// What a template may use up. A chat of ten thousand turns stays far below each of these.
struct Limits {
  size_t work = 20'000'000;                ///< evaluated expressions, plus one for every 16 bytes made or compared
  size_t string_bytes = size_t{64} << 20;  ///< one string, the rendering included
  size_t collection_items = 4'000'000;     ///< one list
  int value_depth = 200;                   ///< lists in lists
  int call_depth = 1'000;                  ///< nested expressions, statements and macro calls while rendering
  size_t range_items = 100'000;            ///< as in Jinja's sandbox
};

/// A fault at the current place of the template; the renderer turns it into hone::Error.
struct Fault {
  std::string message;
  uint32_t at;  ///< byte in the normalised source
};

class Runtime {
 public:
  Limits limits;
  /// Where the expression that is being evaluated stands; faults are reported there.
  uint32_t at = 0;

  [[noreturn]] void fail(std::string message) const { throw Fault{std::move(message), at}; }
  /// Counts `units` of work against the limit.
  void spend(size_t units) {
    if (units > work_left_) out_of_work();
    work_left_ -= units;
  }
  /// Before a string of `bytes` is made.
  void spend_bytes(size_t bytes);
  /// text += more, counted.
  void append(std::string& text, std::string_view more);
  /// Before a list of `count` items is made.
  void spend_items(size_t count);
  void start() { work_left_ = limits.work; }

  /// Nested evaluation; see Nested.
  void enter() {
    if (++depth_ > limits.call_depth) too_deep();
  }
  void leave() { --depth_; }

  /// Keeps `object` until the rendering ends, when it is cleared: breaks reference cycles.
  void keep(std::shared_ptr<Object> object) { kept_.push_back(std::move(object)); }
  void release();

 private:
  [[noreturn]] void out_of_work() const;
  [[noreturn]] void too_deep();
  size_t work_left_ = 0;
  int depth_ = 0;
  std::vector<std::shared_ptr<Object>> kept_;
};

/// One level of nesting, for as long as it lives.
class Nested {
 public:
  explicit Nested(Runtime& runtime) : runtime_(runtime) { runtime_.enter(); }
  ~Nested() { runtime_.leave(); }
  Nested(const Nested&) = delete;
  Nested& operator=(const Nested&) = delete;

 private:
  Runtime& runtime_;
};

// ---- attributes, items and calls, as the sandbox allows them ---------------------------------------

/// `object.name`: the attribute, else the item, else Undefined.
Value get_attribute(Runtime& runtime, const Value& object, std::string_view name);
/// `object[key]`: the item, else (for a string key) the attribute, else Undefined.
Value get_item(Runtime& runtime, const Value& object, const Value& key);
/// `object[start:stop:step]`, each an int or None.
Value get_slice(Runtime& runtime, const Value& object, const Value& start, const Value& stop, const Value& step);
/// getattr() of str, list, dict and so on: their methods. Nothing when there is no such attribute.
std::optional<Value> builtin_attribute(Runtime& runtime, const Value& object, std::string_view name);
/// Whether the method changes a list or dict, which the sandbox forbids.
bool is_mutating(const Value& object, std::string_view name);
Value call(Runtime& runtime, const Value& callee, const Arguments& arguments);
bool is_callable(const Value& value);

// ---- operators --------------------------------------------------------------------------------------

enum class BinaryOp { kAdd, kSub, kMul, kDiv, kFloorDiv, kMod, kPow };
Value binary(Runtime& runtime, BinaryOp op, const Value& a, const Value& b);
Value negate(Runtime& runtime, const Value& value);
Value plus(Runtime& runtime, const Value& value);
/// `pattern % arguments` (printf-style formatting).
std::string format_percent(Runtime& runtime, const std::string& pattern, const Value& arguments);
/// pattern.format(*arguments) and format_map.
std::string format_braces(Runtime& runtime, const std::string& pattern, const Arguments& arguments);
/// format(value, spec)
std::string format_value(Runtime& runtime, const Value& value, std::string_view spec);
std::string escape_html(Runtime& runtime, std::string_view text);
/// int(text, base) and float(text); nothing where Python raises ValueError.
std::optional<Int> parse_int(Runtime& runtime, std::string_view text, int base);
std::optional<double> parse_float(std::string_view text);
/// int(number): fails for infinities, NaN and what passes 128 bits.
Int truncate(Runtime& runtime, double number);

// ---- arguments of built-in functions -------------------------------------------------------------------

/// Arguments matched with parameter names as Python would do it; a missing, doubled or unknown one fails.
class Bound {
 public:
  /// The first `required` names must be given. A name that starts with '/' is positional only.
  Bound(Runtime& runtime, const char* function, const Arguments& arguments, std::initializer_list<const char*> names,
        size_t required);
  bool has(size_t i) const { return values_[i] != nullptr; }
  const Value& operator[](size_t i) const { return *values_[i]; }
  /// The argument, or `otherwise` where it was left out.
  Value value(size_t i, Value otherwise) const {
    if (has(i)) return *values_[i];
    return otherwise;
  }
  bool flag(size_t i, bool otherwise) const { return has(i) ? truth(*values_[i]) : otherwise; }
  Int integer(size_t i, Int otherwise) const;
  const std::string& string(size_t i) const;
  bool none_or_missing(size_t i) const { return !has(i) || values_[i]->is_none(); }

 private:
  Runtime& runtime_;
  const char* function_;
  std::vector<const char*> names_;
  std::vector<const Value*> values_;
};

// ---- filters, tests and functions ------------------------------------------------------------------------

using Filter = Value (*)(Runtime& runtime, const Value& value, const Arguments& arguments);
using Test = bool (*)(Runtime& runtime, const Value& value, const Arguments& arguments);

/// Null for an unknown name.
Filter find_filter(std::string_view name);
Test find_test(std::string_view name);
/// range, namespace, raise_exception, …; Missing for an unknown name.
Value find_global(Runtime& runtime, std::string_view name);
std::vector<std::string> filter_names();
std::vector<std::string> test_names();

/// A lazily produced sequence, as the generators that Python's filters return.
Value make_generator(Runtime& runtime, const char* type_name, std::shared_ptr<Iterator> iterator, int source_depth);

/// json.dumps()
struct JsonStyle {
  bool ensure_ascii = false;
  std::optional<std::string> indent;  ///< the text of one level
  std::string item_separator = ", ", key_separator = ": ";
  bool sort_keys = false;
};
std::string dump_json(Runtime& runtime, const Value& value, const JsonStyle& style);

}  // namespace hone::text::jinja
