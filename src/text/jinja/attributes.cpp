// object.name, object[key] and object[a:b:c] as Jinja's immutable sandbox grants them.
#include <algorithm>
#include <array>

#include "base/strings.h"
#include "text/jinja/methods.h"
#include "text/jinja/runtime.h"
#include "text/jinja/unicode.h"

namespace hone::text::jinja {
namespace {

/// How Python's messages call a value: 'dict object', None.
std::string describe(const Value& object) {
  return object.is_none() ? "None" : std::string(object.type_name()) + " object";
}

Value no_attribute(const Value& object, std::string_view name) {
  return undefined("'" + describe(object) + "' has no attribute " + repr_string(name));
}

Value unsafe(const Value& object, std::string_view name) {
  return undefined(
      format("access to attribute %s of '%s' object is unsafe.", repr_string(name).c_str(), object.type_name()));
}

/// getattr(); an attribute the sandbox hides is an Undefined that says so.
std::optional<Value> safe_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  std::optional<Value> value =
      object.is_object() ? object.as_object()->attribute(runtime, name) : builtin_attribute(runtime, object, name);
  // Every Python object has these; a namespace answers from its members alone.
  constexpr std::array<std::string_view, 6> kEverywhere = {"__class__", "__doc__", "__init__",
                                                           "__eq__",    "__str__", "__repr__"};
  const bool is_namespace = std::string_view(object.type_name()) == "Namespace";
  const bool internal = !is_namespace && std::find(kEverywhere.begin(), kEverywhere.end(), name) != kEverywhere.end();
  if (internal || is_mutating(object, name) || (value && name.starts_with("_"))) return unsafe(object, name);
  return value;
}

/// The item, or nothing where Python raises TypeError or LookupError.
std::optional<Value> item_of(Runtime& runtime, const Value& object, const Value& key) {
  if (object.is_dict()) {
    if (key.depth() > 0 && !key.is_tuple() && !(key.is_object() && key.as_object()->hashable())) return std::nullopt;
    if (const Value* value = object.as_dict()->find(runtime, key)) return *value;
    return std::nullopt;
  }
  if (object.is_object()) return object.as_object()->item(runtime, key);
  if (!key.is_integral() || !(object.is_string() || object.is_list() || object.is_tuple())) return std::nullopt;
  const auto size = static_cast<Int>(length(runtime, object));
  const Int index = key.as_int() < 0 ? key.as_int() + size : key.as_int();
  if (index < 0 || index >= size) return std::nullopt;
  if (!object.is_string()) return object.as_items()->values[static_cast<size_t>(index)];
  const std::string& text = object.as_string();
  const size_t begin = byte_of_char(text, static_cast<size_t>(index));
  size_t end = begin;
  next_char(text, end);
  return Value(Text{std::make_shared<const std::string>(text.substr(begin, end - begin)), object.as_text().markup});
}

void require_defined(Runtime& runtime, const Value& object) {
  if (object.is_undefined()) runtime.fail(*object.as_undefined().message);
}

Int clamp(Int value, Int low, Int high) {
  return std::min(std::max(value, low), high);
}

}  // namespace

Value get_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  require_defined(runtime, object);
  if (const auto value = safe_attribute(runtime, object, name)) return *value;
  // A plain dict is asked for the name without making a value of it.
  if (object.is_dict()) {
    const Value* value = object.as_dict()->find(name);
    return value != nullptr ? *value : no_attribute(object, name);
  }
  if (const auto value = item_of(runtime, object, Value(name))) return *value;
  return no_attribute(object, name);
}

Value get_item(Runtime& runtime, const Value& object, const Value& key) {
  require_defined(runtime, object);
  if (const auto value = item_of(runtime, object, key)) return *value;
  if (key.is_string()) {
    if (const auto value = safe_attribute(runtime, object, key.as_string())) return *value;
    return no_attribute(object, key.as_string());
  }
  return undefined(describe(object) + " has no element " + repr(runtime, key));
}

SliceRange slice_range(Runtime& runtime, Int size, const Value& start, const Value& stop, const Value& step) {
  for (const Value* bound : {&start, &stop, &step}) {
    if (!bound->is_none() && !bound->is_integral()) {
      runtime.fail("slice indices must be integers or None");
    }
  }
  const Int by = step.is_none() ? 1 : step.as_int();
  if (by == 0) runtime.fail("slice step cannot be zero");
  const Int low = by > 0 ? 0 : -1, high = by > 0 ? size : size - 1;
  const auto place = [&](const Value& bound, Int otherwise) {
    if (bound.is_none()) return otherwise;
    const Int at = bound.as_int();
    return at < 0 ? std::max(at < -size ? low : at + size, low) : clamp(at, low, high);
  };
  const Int from = place(start, by > 0 ? 0 : size - 1), to = place(stop, by > 0 ? size : -1);
  // A step beyond the ends takes at most the first item; cutting it off keeps the sums below exact.
  const Int stride = clamp(by, -(size + 1), size + 1);
  const Int count =
      stride > 0 ? (to > from ? (to - from - 1) / stride + 1 : 0) : (from > to ? (from - to - 1) / -stride + 1 : 0);
  return {from, stride, static_cast<size_t>(count)};
}

Value get_slice(Runtime& runtime, const Value& object, const Value& start, const Value& stop, const Value& step) {
  require_defined(runtime, object);
  if (object.is_object()) {
    if (auto value = slice_object(runtime, object, start, stop, step)) return *value;
  }
  if (object.is_dict()) runtime.fail("unhashable type: 'slice'");
  if (!object.is_string() && !object.is_list() && !object.is_tuple()) {
    runtime.fail(format("'%s' object is not subscriptable", object.type_name()));
  }
  const SliceRange range = slice_range(runtime, static_cast<Int>(length(runtime, object)), start, stop, step);
  if (object.is_string()) {
    const std::string& text = object.as_string();
    runtime.spend(text.size() / 16);
    std::string part;
    if (range.step == 1) {
      const size_t begin = byte_of_char(text, static_cast<size_t>(range.begin));
      part = text.substr(begin, byte_of_char(std::string_view(text).substr(begin), range.count));
    } else {
      const std::u32string chars = to_chars(text);
      for (size_t i = 0; i < range.count; ++i) {
        append_char(part, chars[static_cast<size_t>(range.begin + static_cast<Int>(i) * range.step)]);
      }
    }
    return Text{std::make_shared<const std::string>(std::move(part)), object.as_text().markup};
  }
  std::vector<Value> part;
  const auto& items = object.as_items()->values;
  runtime.spend_items(range.count);
  for (size_t i = 0; i < range.count; ++i) {
    part.push_back(items[static_cast<size_t>(range.begin + static_cast<Int>(i) * range.step)]);
  }
  return object.is_list() ? make_list(runtime, std::move(part)) : make_tuple(runtime, std::move(part));
}

bool is_mutating(const Value& object, std::string_view name) {
  constexpr std::array<std::string_view, 5> kDict = {"clear", "pop", "popitem", "setdefault", "update"};
  constexpr std::array<std::string_view, 8> kList = {"append", "clear", "pop",    "reverse",
                                                     "insert", "sort",  "extend", "remove"};
  if (object.is_dict()) return std::find(kDict.begin(), kDict.end(), name) != kDict.end();
  return object.is_list() && std::find(kList.begin(), kList.end(), name) != kList.end();
}

BoundMethod::BoundMethod(Value self, std::string name, Method method)
    : self_(std::move(self)), name_(std::move(name)), method_(method) {
  depth_ = self_.depth() + 1;
}

std::string BoundMethod::repr(Runtime&) const {
  return "<built-in method " + name_ + " of " + self_.type_name() + " object>";
}

Value BoundMethod::call(Runtime& runtime, const Arguments& arguments) {
  return method_(runtime, self_, arguments);
}

std::optional<Value> builtin_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  Method method = nullptr;
  if (object.is_string()) {
    method = find_string_method(name);
  } else if (object.is_dict()) {
    method = find_dict_method(name);
  } else if (object.is_list() || object.is_tuple()) {
    method = find_sequence_method(name);
    if (object.is_tuple() && name == "copy") method = nullptr;
  } else if (object.is_number()) {
    return number_attribute(runtime, object, name);
  }
  if (method == nullptr) return std::nullopt;
  return Value(std::make_shared<BoundMethod>(object, std::string(name), method));
}

}  // namespace hone::text::jinja
