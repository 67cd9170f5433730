#include "text/jinja/value.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "text/jinja/runtime.h"
#include "text/jinja/unicode.h"

namespace hone::text::jinja {
namespace {

int depth_of(const std::vector<Value>& values) {
  int deepest = 0;
  for (const Value& value : values) deepest = std::max(deepest, value.depth());
  return deepest + 1;
}

std::shared_ptr<const Items> make_items(Runtime& runtime, std::vector<Value> values) {
  runtime.spend_items(values.size());
  const int depth = depth_of(values);
  if (depth > runtime.limits.value_depth) runtime.fail("values are nested too deeply");
  return std::make_shared<const Items>(Items{std::move(values), depth});
}

/// a < b as in Python, where an int and a float are compared exactly.
bool number_less(const Value& a, const Value& b) {
  if (a.is_float() && b.is_float()) return a.as_float() < b.as_float();
  if (!a.is_float() && !b.is_float()) return a.as_int() < b.as_int();
  const double real = a.is_float() ? a.as_float() : b.as_float();
  const Int whole = a.is_float() ? b.as_int() : a.as_int();
  if (std::isnan(real)) return false;
  if (std::fabs(real) >= 0x1p126) return a.is_float() ? real < 0 : real > 0;
  // floor(real) is exact as an integer; only its fraction remains to be looked at.
  const double below = std::floor(real);
  const Int floor = static_cast<Int>(below);
  if (a.is_float()) return floor < whole;                    // real < whole
  return whole < floor || (whole == floor && real > below);  // whole < real
}

bool number_equal(const Value& a, const Value& b) {
  if (a.is_float() && b.is_float()) return a.as_float() == b.as_float();
  if (!a.is_float() && !b.is_float()) return a.as_int() == b.as_int();
  return !number_less(a, b) && !number_less(b, a) && !std::isnan(a.is_float() ? a.as_float() : b.as_float());
}

bool dicts_equal(Runtime& runtime, const Dict& a, const Dict& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [key, value] : a.entries()) {
    const Value* other = b.find(runtime, key);
    if (other == nullptr || !same_or_equal(runtime, value, *other)) return false;
  }
  return true;
}

class ItemsIterator final : public Iterator {
 public:
  explicit ItemsIterator(std::shared_ptr<const Items> items) : items_(std::move(items)) {}
  std::optional<Value> next(Runtime&) override {
    if (at_ >= items_->values.size()) return std::nullopt;
    return items_->values[at_++];
  }

 private:
  std::shared_ptr<const Items> items_;
  size_t at_ = 0;
};

class TextIterator final : public Iterator {
 public:
  explicit TextIterator(Text text) : text_(std::move(text)) {}
  std::optional<Value> next(Runtime&) override {
    if (at_ >= text_.bytes->size()) return std::nullopt;
    const size_t begin = at_;
    next_char(*text_.bytes, at_);
    return Value(text_.bytes->substr(begin, at_ - begin));  // of Markup, too, iteration gives plain text
  }

 private:
  Text text_;
  size_t at_ = 0;
};

class KeyIterator final : public Iterator {
 public:
  explicit KeyIterator(std::shared_ptr<const Dict> dict) : dict_(std::move(dict)) {}
  std::optional<Value> next(Runtime&) override {
    if (at_ >= dict_->size()) return std::nullopt;
    return dict_->entries()[at_++].first;
  }

 private:
  std::shared_ptr<const Dict> dict_;
  size_t at_ = 0;
};

class NoIterator final : public Iterator {
 public:
  std::optional<Value> next(Runtime&) override { return std::nullopt; }
};

}  // namespace

std::string Object::repr(Runtime&) const {
  return "<" + std::string(type_name()) + " object>";
}

Value Object::call(Runtime& runtime, const Arguments&) {
  runtime.fail("'" + std::string(type_name()) + "' object is not callable");
}

const char* Value::type_name() const {
  if (is_undefined() || is_missing()) return "Undefined";
  if (is_none()) return "NoneType";
  if (is_bool()) return "bool";
  if (is_int()) return "int";
  if (is_float()) return "float";
  if (is_string()) return as_text().markup ? "Markup" : "str";
  if (is_list()) return "list";
  if (is_tuple()) return "tuple";
  if (is_dict()) return "dict";
  return as_object()->type_name();
}

int Value::depth() const {
  if (is_list() || is_tuple()) return as_items()->depth;
  if (is_dict()) return as_dict()->depth();
  return is_object() ? as_object()->depth() : 0;
}

const Value* Dict::find(Runtime& runtime, const Value& key) const {
  return find_hashed(runtime, key, hash(runtime, key));
}

const Value* Dict::find_hashed(Runtime& runtime, const Value& key, size_t key_hash) const {
  for (auto [at, end] = index_.equal_range(key_hash); at != end; ++at) {
    const Entry& entry = entries_[at->second];
    if (same_or_equal(runtime, entry.first, key)) return &entry.second;
  }
  return nullptr;
}

const Value* Dict::find(std::string_view key) const {
  for (auto [at, end] = index_.equal_range(std::hash<std::string_view>()(key)); at != end; ++at) {
    const Entry& entry = entries_[at->second];
    if (entry.first.is_string() && entry.first.as_string() == key) return &entry.second;
  }
  return nullptr;
}

void Dict::set(Runtime& runtime, const Value& key, Value value) {
  const size_t key_hash = hash(runtime, key);
  depth_ = std::max({depth_, key.depth() + 1, value.depth() + 1});
  if (const Value* old = find_hashed(runtime, key, key_hash)) {
    const_cast<Value&>(*old) = std::move(value);
    return;
  }
  runtime.spend_items(1);
  index_.emplace(key_hash, entries_.size());
  entries_.emplace_back(key, std::move(value));
}

Value undefined(std::string message) {
  return Undefined{std::make_shared<const std::string>(std::move(message))};
}

Value undefined_name(std::string_view name) {
  return undefined(repr_string(name) + " is undefined");
}

Value markup(std::string text) {
  return Text{std::make_shared<const std::string>(std::move(text)), true};
}

Value make_list(Runtime& runtime, std::vector<Value> items) {
  return List{make_items(runtime, std::move(items))};
}
Value make_tuple(Runtime& runtime, std::vector<Value> items) {
  return Tuple{make_items(runtime, std::move(items))};
}

Value make_dict(Runtime& runtime, std::shared_ptr<Dict> dict) {
  if (dict->depth() > runtime.limits.value_depth) runtime.fail("values are nested too deeply");
  return std::shared_ptr<const Dict>(std::move(dict));
}

Value from_json(Runtime& runtime, const Json& document) {
  const Nested nested(runtime);
  switch (document.type()) {
    case Json::value_t::null: return None{};
    case Json::value_t::boolean: return document.get<bool>();
    case Json::value_t::number_integer: return static_cast<Int>(document.get<int64_t>());
    case Json::value_t::number_unsigned: return static_cast<Int>(document.get<uint64_t>());
    case Json::value_t::number_float: return document.get<double>();
    case Json::value_t::string: return Value(document.get_ref<const std::string&>());
    case Json::value_t::array: {
      std::vector<Value> items;
      items.reserve(document.size());
      for (const Json& item : document) items.push_back(from_json(runtime, item));
      return make_list(runtime, std::move(items));
    }
    case Json::value_t::object: {
      const auto dict = std::make_shared<Dict>();
      for (const auto& [key, value] : document.items()) dict->set(runtime, Value(key), from_json(runtime, value));
      return make_dict(runtime, dict);
    }
    case Json::value_t::binary:
    case Json::value_t::discarded: break;
  }
  runtime.fail("a variable holds what is not JSON");
}

bool truth(const Value& value) {
  if (value.is_bool()) return value.as_bool();
  if (value.is_int()) return value.as_int() != 0;
  if (value.is_float()) return value.as_float() != 0;
  if (value.is_string()) return !value.as_string().empty();
  if (value.is_list() || value.is_tuple()) return !value.as_items()->values.empty();
  if (value.is_dict()) return value.as_dict()->size() > 0;
  return value.is_object() && value.as_object()->truthy();
}

bool same_object(const Value& a, const Value& b) {
  if (a.is_bool() || b.is_bool()) return a.is_bool() && b.is_bool() && a.as_bool() == b.as_bool();
  if (a.is_none() || b.is_none()) return a.is_none() && b.is_none();
  if (a.is_int() && b.is_int()) return a.as_int() == b.as_int();
  if (a.is_string() && b.is_string()) return a.as_text().bytes == b.as_text().bytes || a.as_string() == b.as_string();
  if ((a.is_list() && b.is_list()) || (a.is_tuple() && b.is_tuple())) return a.as_items() == b.as_items();
  if (a.is_dict() && b.is_dict()) return a.as_dict() == b.as_dict();
  return a.is_object() && b.is_object() && a.as_object() == b.as_object();
}

bool equal(Runtime& runtime, const Value& a, const Value& b) {
  runtime.spend(1);
  if (a.is_number() && b.is_number()) return number_equal(a, b);
  if (a.is_string() && b.is_string()) {
    runtime.spend(std::min(a.as_string().size(), b.as_string().size()) / 16);
    return a.as_string() == b.as_string();
  }
  if (a.is_none() || a.is_undefined()) return a.is_none() ? b.is_none() : b.is_undefined();
  if ((a.is_list() && b.is_list()) || (a.is_tuple() && b.is_tuple())) {
    const auto &left = a.as_items()->values, &right = b.as_items()->values;
    if (left.size() != right.size()) return false;
    for (size_t i = 0; i < left.size(); ++i) {
      if (!same_or_equal(runtime, left[i], right[i])) return false;
    }
    return true;
  }
  if (a.is_dict() && b.is_dict()) return dicts_equal(runtime, *a.as_dict(), *b.as_dict());
  return a.is_object() && same_object(a, b);
}

bool same_or_equal(Runtime& runtime, const Value& a, const Value& b) {
  return same_object(a, b) || equal(runtime, a, b);
}

bool ordered(Runtime& runtime, const Value& a, Order order, const Value& b) {
  runtime.spend(1);
  if (a.is_undefined() || b.is_undefined()) {
    runtime.fail(*(a.is_undefined() ? a : b).as_undefined().message);
  }
  const bool less_wanted = order == Order::kLess || order == Order::kLessEqual;
  const bool or_equal = order == Order::kLessEqual || order == Order::kGreaterEqual;
  if (a.is_number() && b.is_number()) {
    return (less_wanted ? number_less(a, b) : number_less(b, a)) || (or_equal && number_equal(a, b));
  }
  if (a.is_string() && b.is_string()) {  // UTF-8 sorts as code points do
    runtime.spend(std::min(a.as_string().size(), b.as_string().size()) / 16);
    const int sign = a.as_string().compare(b.as_string());
    return sign == 0 ? or_equal : (sign < 0) == less_wanted;
  }
  if ((a.is_list() && b.is_list()) || (a.is_tuple() && b.is_tuple())) {
    const auto &left = a.as_items()->values, &right = b.as_items()->values;
    for (size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
      if (!same_or_equal(runtime, left[i], right[i])) return ordered(runtime, left[i], order, right[i]);
    }
    return left.size() == right.size() ? or_equal : (left.size() < right.size()) == less_wanted;
  }
  constexpr const char* kSigns[] = {"<", "<=", ">", ">="};
  runtime.fail(format("'%s' not supported between instances of '%s' and '%s'", kSigns[static_cast<int>(order)],
                      a.type_name(), b.type_name()));
}

bool less(Runtime& runtime, const Value& a, const Value& b) {
  return ordered(runtime, a, Order::kLess, b);
}

size_t hash(Runtime& runtime, const Value& value) {
  runtime.spend(1);
  if (value.is_string()) {
    runtime.spend(value.as_string().size() / 16);
    return std::hash<std::string_view>()(value.as_string());
  }
  if (value.is_integral()) return std::hash<uint64_t>()(static_cast<uint64_t>(value.as_int()));
  if (value.is_float()) {  // 1 and 1.0 are the same key
    const double number = value.as_float();
    if (number == std::floor(number) && std::fabs(number) < 0x1p62) {
      return std::hash<uint64_t>()(static_cast<uint64_t>(static_cast<int64_t>(number)));
    }
    // Larger whole numbers may equal an int: they share one bucket.
    return number == std::floor(number) && std::isfinite(number)
               ? std::hash<uint64_t>()(
                     static_cast<uint64_t>(std::fabs(number) < 0x1p126 ? static_cast<Int>(number) : 0))
               : std::hash<double>()(number);
  }
  if (value.is_tuple()) {
    size_t mixed = 0x345678;
    for (const Value& item : value.as_items()->values) mixed = mixed * 1000003 ^ hash(runtime, item);
    return mixed;
  }
  if (value.is_list() || value.is_dict() || (value.is_object() && !value.as_object()->hashable())) {
    runtime.fail(format("unhashable type: '%s'", value.type_name()));
  }
  return value.is_object() ? std::hash<const void*>()(value.as_object().get()) : value.is_none() ? 7 : 11;
}

bool contains(Runtime& runtime, const Value& haystack, const Value& needle) {
  if (haystack.is_string()) {
    if (!needle.is_string()) {
      runtime.fail(format("'in <string>' requires string as left operand, not %s", needle.type_name()));
    }
    runtime.spend(haystack.as_string().size() / 16);
    // memmem works in linear time, std::string::find does not.
    return memmem(haystack.as_string().data(), haystack.as_string().size(), needle.as_string().data(),
                  needle.as_string().size()) != nullptr;
  }
  if (haystack.is_dict()) return haystack.as_dict()->find(runtime, needle) != nullptr;
  if (!is_iterable(runtime, haystack)) {
    runtime.fail(format("argument of type '%s' is not iterable", haystack.type_name()));
  }
  const auto items = iterate(runtime, haystack);
  while (const auto item = items->next(runtime)) {
    if (same_or_equal(runtime, *item, needle)) return true;
  }
  return false;
}

size_t length(Runtime& runtime, const Value& value) {
  if (value.is_string()) {
    runtime.spend(value.as_string().size() / 16);
    return char_count(value.as_string());
  }
  if (value.is_list() || value.is_tuple()) return value.as_items()->values.size();
  if (value.is_dict()) return value.as_dict()->size();
  if (value.is_undefined()) return 0;
  if (value.is_object()) {
    if (const auto size = value.as_object()->length(runtime)) return static_cast<size_t>(*size);
  }
  runtime.fail(format("object of type '%s' has no len()", value.type_name()));
}

bool is_iterable(Runtime& runtime, const Value& value) {
  if (value.is_object()) return value.as_object()->iterate(runtime) != nullptr;
  return value.is_string() || value.is_list() || value.is_tuple() || value.is_dict() || value.is_undefined();
}

std::shared_ptr<Iterator> iterate(Runtime& runtime, const Value& value) {
  if (value.is_list() || value.is_tuple()) return std::make_shared<ItemsIterator>(value.as_items());
  if (value.is_string()) return std::make_shared<TextIterator>(value.as_text());
  if (value.is_dict()) return std::make_shared<KeyIterator>(value.as_dict());
  if (value.is_undefined()) return std::make_shared<NoIterator>();
  if (value.is_object()) {
    if (auto iterator = value.as_object()->iterate(runtime)) return iterator;
  }
  runtime.fail(format("'%s' object is not iterable", value.type_name()));
}

std::vector<Value> to_vector(Runtime& runtime, const Value& value) {
  if (value.is_list() || value.is_tuple()) {
    runtime.spend_items(value.as_items()->values.size());
    return value.as_items()->values;
  }
  std::vector<Value> items;
  const auto iterator = iterate(runtime, value);
  while (auto item = iterator->next(runtime)) {
    runtime.spend_items(1);
    if (items.size() >= runtime.limits.collection_items) runtime.fail("a list grows too long");
    items.push_back(std::move(*item));
  }
  return items;
}

bool ValueSet::insert(const Value& value) {
  const size_t key = hash(runtime_, value);
  for (auto [at, end] = values_.equal_range(key); at != end; ++at) {
    if (same_or_equal(runtime_, at->second, value)) return false;
  }
  values_.emplace(key, value);
  return true;
}

}  // namespace hone::text::jinja
