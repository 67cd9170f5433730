// Ranges, dict views, generators, and the methods of list, tuple, dict and numbers.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/strings.h"
#include "text/jinja/methods.h"

namespace hone::text::jinja {
namespace {

class RangeIterator final : public Iterator {
 public:
  explicit RangeIterator(std::shared_ptr<Object> range, size_t count) : range_(std::move(range)), count_(count) {}
  std::optional<Value> next(Runtime&) override {
    if (at_ >= count_) return std::nullopt;
    return static_cast<Range&>(*range_).at(at_++);
  }

 private:
  std::shared_ptr<Object> range_;
  size_t at_ = 0, count_;
};

class ViewIterator final : public Iterator {
 public:
  ViewIterator(std::shared_ptr<const Dict> dict, DictView::Part part) : dict_(std::move(dict)), part_(part) {}
  std::optional<Value> next(Runtime& runtime) override {
    if (at_ >= dict_->size()) return std::nullopt;
    const auto& [key, value] = dict_->entries()[at_++];
    if (part_ == DictView::Part::kKeys) return key;
    if (part_ == DictView::Part::kValues) return value;
    return make_tuple(runtime, {key, value});
  }

 private:
  std::shared_ptr<const Dict> dict_;
  DictView::Part part_;
  size_t at_ = 0;
};

Value dict_get(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "get", arguments, {"/key", "/default"}, 1);
  const Value* value = self.as_dict()->find(runtime, bound[0]);
  return value != nullptr ? *value : bound.value(1, None{});
}

template <DictView::Part part>
Value dict_view(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "a dict's view", arguments, {}, 0);
  return std::make_shared<DictView>(self.as_dict(), part);
}

Value copy(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "copy", arguments, {}, 0);
  return self;  // nothing can change either of the two
}

Value dict_fromkeys(Runtime& runtime, const Value&, const Arguments& arguments) {
  const Bound bound(runtime, "fromkeys", arguments, {"/iterable", "/value"}, 1);
  const auto dict = std::make_shared<Dict>();
  for (const Value& key : to_vector(runtime, bound[0])) dict->set(runtime, key, bound.value(1, None{}));
  return make_dict(runtime, dict);
}

Value sequence_count(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "count", arguments, {"/value"}, 1);
  size_t count = 0;
  for (const Value& item : self.as_items()->values) count += same_or_equal(runtime, item, bound[0]) ? 1 : 0;
  return count;
}

Value sequence_index(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "index", arguments, {"/value", "/start", "/stop"}, 1);
  const auto& items = self.as_items()->values;
  const SliceRange range =
      slice_range(runtime, static_cast<Int>(items.size()), bound.value(1, None{}), bound.value(2, None{}), None{});
  for (size_t i = 0; i < range.count; ++i) {
    const size_t at = static_cast<size_t>(range.begin) + i;
    if (same_or_equal(runtime, items[at], bound[0])) return at;
  }
  runtime.fail(repr(runtime, bound[0]) + " is not in " + self.type_name());
}

Value int_bit_length(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "bit_length", arguments, {}, 0);
  int bits = 0;
  for (Int rest = self.as_int(); rest != 0; rest /= 2) ++bits;
  return bits;
}

Value float_is_integer(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "is_integer", arguments, {}, 0);
  return std::isfinite(self.as_float()) && std::floor(self.as_float()) == self.as_float();
}

Value conjugate(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "conjugate", arguments, {}, 0);
  return plus(runtime, self);
}

template <size_t N>
Method find_in(const std::array<std::pair<std::string_view, Method>, N>& methods, std::string_view name) {
  for (const auto& [known, method] : methods) {
    if (known == name) return method;
  }
  return nullptr;
}

}  // namespace

Method find_dict_method(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, Method>, 6> kMethods = {{
      {"copy", copy},
      {"fromkeys", dict_fromkeys},
      {"get", dict_get},
      {"items", dict_view<DictView::Part::kItems>},
      {"keys", dict_view<DictView::Part::kKeys>},
      {"values", dict_view<DictView::Part::kValues>},
  }};
  return find_in(kMethods, name);
}

Method find_sequence_method(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, Method>, 3> kMethods = {{
      {"copy", copy},
      {"count", sequence_count},
      {"index", sequence_index},
  }};
  return find_in(kMethods, name);
}

std::optional<Value> number_attribute(Runtime& runtime, const Value& number, std::string_view name) {
  const bool is_float = number.is_float();
  if (name == "real") return plus(runtime, number);
  if (name == "imag") return is_float ? Value(0.0) : Value(0);
  if (!is_float && name == "numerator") return plus(runtime, number);
  if (!is_float && name == "denominator") return Value(1);
  const auto bind = [&](Method method) {
    return Value(std::make_shared<BoundMethod>(number, std::string(name), method));
  };
  if (name == "conjugate") return bind(conjugate);
  if (!is_float && name == "bit_length") return bind(int_bit_length);
  if (is_float && name == "is_integer") return bind(float_is_integer);
  return std::nullopt;
}

// ---- range ------------------------------------------------------------------------------------------

std::string Range::repr(Runtime&) const {
  const std::string ends = int_to_string(begin_) + ", " + int_to_string(end_);
  return "range(" + ends + (step_ == 1 ? "" : ", " + int_to_string(step_)) + ")";
}

std::optional<Value> Range::item(Runtime&, const Value& key) {
  if (!key.is_integral()) return std::nullopt;
  const auto size = static_cast<Int>(count_);
  const Int index = key.as_int() < 0 ? key.as_int() + size : key.as_int();
  if (index < 0 || index >= size) return std::nullopt;
  return at(static_cast<size_t>(index));
}

namespace {

Value range_find(Runtime& runtime, const Value& self, const Value& wanted) {
  const auto items = iterate(runtime, self);
  for (size_t i = 0; const auto item = items->next(runtime); ++i) {
    if (equal(runtime, *item, wanted)) return i;
  }
  return {};
}

Value range_count(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "count", arguments, {"/value"}, 1);
  return range_find(runtime, self, bound[0]).is_missing() ? 0 : 1;
}

Value range_index(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "index", arguments, {"/value"}, 1);
  Value at = range_find(runtime, self, bound[0]);
  if (at.is_missing()) runtime.fail(repr(runtime, bound[0]) + " is not in range");
  return at;
}

}  // namespace

std::optional<Value> Range::attribute(Runtime&, std::string_view name) {
  const auto bind = [&](Method method) {
    return Value(std::make_shared<BoundMethod>(Value(shared_from_this()), std::string(name), method));
  };
  if (name == "count") return bind(range_count);
  if (name == "index") return bind(range_index);
  if (name == "start") return Value(begin_);
  if (name == "stop") return Value(end_);
  if (name == "step") return Value(step_);
  return std::nullopt;
}

std::shared_ptr<Iterator> Range::iterate(Runtime&) {
  return std::make_shared<RangeIterator>(shared_from_this(), count_);
}

Value Range::slice(Runtime& runtime, const Value& start, const Value& stop, const Value& step) const {
  const SliceRange part = slice_range(runtime, static_cast<Int>(count_), start, stop, step);
  Int begin = 0, stride = 0, end = 0;
  if (__builtin_mul_overflow(part.begin, step_, &begin) || __builtin_add_overflow(begin, begin_, &begin) ||
      __builtin_mul_overflow(step_, part.step, &stride) ||
      __builtin_mul_overflow(static_cast<Int>(part.count), stride, &end) || __builtin_add_overflow(end, begin, &end)) {
    runtime.fail("this range goes too far");
  }
  return std::make_shared<Range>(begin, end, stride, part.count);
}

std::optional<Value> slice_object(Runtime& runtime, const Value& object, const Value& start, const Value& stop,
                                  const Value& step) {
  const Range* range = object.as<Range>();
  if (range == nullptr) return std::nullopt;
  return range->slice(runtime, start, stop, step);
}

// ---- dict views ----------------------------------------------------------------------------------------

DictView::DictView(std::shared_ptr<const Dict> dict, Part part) : dict_(std::move(dict)), part_(part) {
  depth_ = dict_->depth() + 1;
}

const char* DictView::type_name() const {
  return part_ == Part::kKeys ? "dict_keys" : part_ == Part::kValues ? "dict_values" : "dict_items";
}

std::string DictView::repr(Runtime& runtime) const {
  ViewIterator items(dict_, part_);
  std::vector<Value> all;
  while (auto item = items.next(runtime)) all.push_back(std::move(*item));
  return std::string(type_name()) + "(" + jinja::repr(runtime, make_list(runtime, std::move(all))) + ")";
}

std::shared_ptr<Iterator> DictView::iterate(Runtime&) {
  return std::make_shared<ViewIterator>(dict_, part_);
}

// ---- generators ---------------------------------------------------------------------------------------

Generator::Generator(const char* type_name, std::shared_ptr<Iterator> iterator, int depth)
    : type_name_(type_name), iterator_(std::move(iterator)) {
  depth_ = depth;
}

Value make_generator(Runtime& runtime, const char* type_name, std::shared_ptr<Iterator> iterator, int source_depth) {
  if (source_depth >= runtime.limits.value_depth) runtime.fail("values are nested too deeply");
  return std::make_shared<Generator>(type_name, std::move(iterator), source_depth + 1);
}

}  // namespace hone::text::jinja
