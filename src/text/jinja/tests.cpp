// What stands behind `is`.
#include <string_view>
#include <utility>

#include "text/jinja/runtime.h"
#include "text/jinja/text_tools.h"

namespace hone::text::jinja {
namespace {

using Args = const Arguments&;

void no_arguments(Runtime& runtime, Args arguments) {
  const Bound bound(runtime, "this test", arguments, {}, 0);
}

/// Whether a value can name a filter or test: any string can; what cannot be looked up at all fails.
bool names(Runtime& runtime, const Value& value) {
  hash(runtime, value);
  return value.is_string();
}

#define SIMPLE_TEST(name, holds)                                    \
  bool name(Runtime& runtime, const Value& value, Args arguments) { \
    no_arguments(runtime, arguments);                               \
    return holds;                                                   \
  }
SIMPLE_TEST(is_boolean, value.is_bool())
SIMPLE_TEST(is_callable_value, is_callable(value))
SIMPLE_TEST(is_defined, !value.is_undefined())
SIMPLE_TEST(is_escaped, value.is_string() && value.as_text().markup)
SIMPLE_TEST(is_false, value.is_bool() && !value.as_bool())
SIMPLE_TEST(is_filter, names(runtime, value) && find_filter(value.as_string()) != nullptr)
SIMPLE_TEST(is_float, value.is_float())
SIMPLE_TEST(is_integer, value.is_int())
SIMPLE_TEST(is_iterable_value, is_iterable(runtime, value))
SIMPLE_TEST(is_lower_case, is_lower_text(str(runtime, value)))
SIMPLE_TEST(is_mapping, value.is_dict())
SIMPLE_TEST(is_none, value.is_none())
SIMPLE_TEST(is_number, value.is_number())
// Undefined has a length and, by complaining about items, items.
SIMPLE_TEST(is_sequence, value.is_string() || value.is_list() || value.is_tuple() || value.is_dict() ||
                             value.is_undefined() || (value.is_object() && value.as_object()->has_items()))
SIMPLE_TEST(is_string, value.is_string())
SIMPLE_TEST(is_test, names(runtime, value) && find_test(value.as_string()) != nullptr)
SIMPLE_TEST(is_true, value.is_bool() && value.as_bool())
SIMPLE_TEST(is_undefined, value.is_undefined())
SIMPLE_TEST(is_upper_case, is_upper_text(str(runtime, value)))
#undef SIMPLE_TEST

bool remainder_is(Runtime& runtime, const Value& value, const Value& divisor, int wanted) {
  return equal(runtime, binary(runtime, BinaryOp::kMod, value, divisor), Value(wanted));
}

bool is_odd(Runtime& runtime, const Value& value, Args arguments) {
  no_arguments(runtime, arguments);
  return remainder_is(runtime, value, Value(2), 1);
}
bool is_even(Runtime& runtime, const Value& value, Args arguments) {
  no_arguments(runtime, arguments);
  return remainder_is(runtime, value, Value(2), 0);
}
bool is_divisible(Runtime& runtime, const Value& value, Args arguments) {
  const Bound bound(runtime, "divisibleby", arguments, {"num"}, 1);
  return remainder_is(runtime, value, bound[0], 0);
}

const Value& other(Runtime& runtime, Args arguments) {
  const Bound bound(runtime, "this test", arguments, {"/other"}, 1);
  return bound[0];
}

bool is_same(Runtime& runtime, const Value& value, Args arguments) {
  return same_object(value, other(runtime, arguments));
}
bool is_in(Runtime& runtime, const Value& value, Args arguments) {
  return contains(runtime, other(runtime, arguments), value);
}
bool is_equal(Runtime& runtime, const Value& value, Args arguments) {
  return equal(runtime, value, other(runtime, arguments));
}
bool is_not_equal(Runtime& runtime, const Value& value, Args arguments) {
  return !is_equal(runtime, value, arguments);
}
bool is_less(Runtime& runtime, const Value& value, Args arguments) {
  return ordered(runtime, value, Order::kLess, other(runtime, arguments));
}
bool is_less_or_equal(Runtime& runtime, const Value& value, Args arguments) {
  return ordered(runtime, value, Order::kLessEqual, other(runtime, arguments));
}
bool is_greater(Runtime& runtime, const Value& value, Args arguments) {
  return ordered(runtime, value, Order::kGreater, other(runtime, arguments));
}
bool is_greater_or_equal(Runtime& runtime, const Value& value, Args arguments) {
  return ordered(runtime, value, Order::kGreaterEqual, other(runtime, arguments));
}

constexpr std::pair<std::string_view, Test> kTests[] = {
#define TEST_NAMED(name, function) {name, function},
#include "text/jinja/tests.def"
#undef TEST_NAMED
};

}  // namespace

Test find_test(std::string_view name) {
  for (const auto& [known, test] : kTests) {
    if (known == name) return test;
  }
  return nullptr;
}

std::vector<std::string> test_names() {
  std::vector<std::string> names;
  for (const auto& [name, test] : kTests) names.emplace_back(name);
  return names;
}

}  // namespace hone::text::jinja
