// Arithmetic with Python's rules: floor division, exact integers, strings and lists that add and repeat.
#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "text/jinja/runtime.h"

namespace hone::text::jinja {
namespace {

constexpr const char* kSigns[] = {"+", "-", "*", "/", "//", "%", "**"};

double to_double(const Value& value) {
  return value.is_float() ? value.as_float() : static_cast<double>(value.as_int());
}

[[noreturn]] void too_large(const Runtime& runtime) {
  runtime.fail("this integer is too large");
}

Int floor_div(Int a, Int b) {
  const Int quotient = a / b;
  return (a % b != 0 && (a < 0) != (b < 0)) ? quotient - 1 : quotient;
}

Value int_power(Runtime& runtime, Int base, Int exponent) {
  if (exponent < 0) {
    if (base == 0) runtime.fail("0.0 cannot be raised to a negative power");
    return std::pow(static_cast<double>(base), static_cast<double>(exponent));
  }
  if (base == 0 || base == 1) return exponent == 0 ? Int{1} : base;
  if (base == -1) return exponent % 2 == 0 ? Int{1} : Int{-1};
  Int result = 1;
  for (; exponent > 0; --exponent) {  // at most 127 rounds before it is too large
    if (__builtin_mul_overflow(result, base, &result)) too_large(runtime);
  }
  return result;
}

Value int_arithmetic(Runtime& runtime, BinaryOp op, Int a, Int b) {
  Int result = 0;
  switch (op) {
    case BinaryOp::kAdd:
      if (__builtin_add_overflow(a, b, &result)) too_large(runtime);
      return result;
    case BinaryOp::kSub:
      if (__builtin_sub_overflow(a, b, &result)) too_large(runtime);
      return result;
    case BinaryOp::kMul:
      if (__builtin_mul_overflow(a, b, &result)) too_large(runtime);
      return result;
    case BinaryOp::kPow: return int_power(runtime, a, b);
    default: break;
  }
  if (b == 0) runtime.fail("division by zero");
  if (op == BinaryOp::kDiv) {
    // Where both are exact in double there is one rounding, as in Python; beyond that 64 bits must do.
    constexpr Int kExact = Int{1} << 53;
    const auto exact = [](Int number) { return number <= kExact && number >= -kExact; };
    if (exact(a) && exact(b)) return static_cast<double>(a) / static_cast<double>(b);
    return static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b));
  }
  if (b == -1) {  // the one quotient that may not fit
    if (op == BinaryOp::kMod) return Int{0};
    if (__builtin_sub_overflow(Int{0}, a, &result)) too_large(runtime);
    return result;
  }
  return op == BinaryOp::kFloorDiv ? floor_div(a, b) : a - floor_div(a, b) * b;
}

Value float_arithmetic(Runtime& runtime, BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::kAdd: return a + b;
    case BinaryOp::kSub: return a - b;
    case BinaryOp::kMul: return a * b;
    case BinaryOp::kPow: {
      if (a == 0 && b < 0) runtime.fail("0.0 cannot be raised to a negative power");
      if (a < 0 && std::isfinite(a) && std::isfinite(b) && b != std::floor(b))
        runtime.fail("the power is not a real number");
      const double result = std::pow(a, b);
      if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) runtime.fail("the result is too large");
      return result;
    }
    default: break;
  }
  if (b == 0) runtime.fail("float division by zero");
  if (op == BinaryOp::kDiv) return a / b;
  // CPython's float_divmod: the remainder takes the sign of the divisor.
  double remainder = std::fmod(a, b);
  double quotient = (a - remainder) / b;
  if (remainder != 0) {
    if ((b < 0) != (remainder < 0)) {
      remainder += b;
      quotient -= 1.0;
    }
  } else {
    remainder = std::copysign(0.0, b);
  }
  if (op == BinaryOp::kMod) return remainder;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double floor = std::floor(quotient);
  return quotient - floor > 0.5 ? floor + 1.0 : floor;
}

Value repeat(Runtime& runtime, const Value& value, Int times) {
  if (times < 0) times = 0;
  if (value.is_string()) {
    const std::string& text = value.as_string();
    const size_t count = static_cast<size_t>(std::min(times, static_cast<Int>(runtime.limits.string_bytes) + 1));
    if (!text.empty() && count > runtime.limits.string_bytes / text.size()) runtime.fail("a string grows too long");
    runtime.spend_bytes(text.size() * count);
    std::string result;
    if (!text.empty()) {
      result.reserve(text.size() * count);
      for (size_t i = 0; i < count; ++i) result += text;
    }
    return Text{std::make_shared<const std::string>(std::move(result)), value.as_text().markup};
  }
  const auto& items = value.as_items()->values;
  const size_t count = static_cast<size_t>(std::min(times, static_cast<Int>(runtime.limits.collection_items) + 1));
  if (!items.empty() && count > runtime.limits.collection_items / items.size()) runtime.fail("a list grows too long");
  std::vector<Value> result;
  if (!items.empty()) {
    runtime.spend_items(items.size() * count);
    for (size_t i = 0; i < count; ++i) result.insert(result.end(), items.begin(), items.end());
  }
  return value.is_list() ? make_list(runtime, std::move(result)) : make_tuple(runtime, std::move(result));
}

Value add_strings(Runtime& runtime, const Value& a, const Value& b) {
  const bool safe = a.as_text().markup || b.as_text().markup;
  const auto part = [&](const Value& value) {
    return safe && !value.as_text().markup ? escape_html(runtime, value.as_string()) : value.as_string();
  };
  runtime.spend_bytes(a.as_string().size() + b.as_string().size());
  std::string text = part(a) + part(b);
  return Text{std::make_shared<const std::string>(std::move(text)), safe};
}

bool is_sequence(const Value& value) {
  return value.is_string() || value.is_list() || value.is_tuple();
}

}  // namespace

Value binary(Runtime& runtime, BinaryOp op, const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    if (!a.is_float() && !b.is_float()) return int_arithmetic(runtime, op, a.as_int(), b.as_int());
    return float_arithmetic(runtime, op, to_double(a), to_double(b));
  }
  if (op == BinaryOp::kMod && a.is_string()) {
    std::string text = format_percent(runtime, a.as_string(), b);
    return Text{std::make_shared<const std::string>(std::move(text)), a.as_text().markup};
  }
  if (a.is_undefined() || b.is_undefined()) runtime.fail(*(a.is_undefined() ? a : b).as_undefined().message);
  if (op == BinaryOp::kMul && is_sequence(a) && b.is_integral()) return repeat(runtime, a, b.as_int());
  if (op == BinaryOp::kMul && a.is_integral() && is_sequence(b)) return repeat(runtime, b, a.as_int());
  if (op == BinaryOp::kAdd) {
    if (a.is_string() && b.is_string()) return add_strings(runtime, a, b);
    if ((a.is_list() && b.is_list()) || (a.is_tuple() && b.is_tuple())) {
      std::vector<Value> items = to_vector(runtime, a);
      const auto& more = b.as_items()->values;
      items.insert(items.end(), more.begin(), more.end());
      return a.is_list() ? make_list(runtime, std::move(items)) : make_tuple(runtime, std::move(items));
    }
    if (a.is_string()) runtime.fail(format("can only concatenate str (not \"%s\") to str", b.type_name()));
  }
  runtime.fail(format("unsupported operand type(s) for %s: '%s' and '%s'", kSigns[static_cast<int>(op)], a.type_name(),
                      b.type_name()));
}

Value plus(Runtime& runtime, const Value& value) {
  if (value.is_integral()) return value.as_int();
  if (value.is_float()) return value;
  if (value.is_undefined()) runtime.fail(*value.as_undefined().message);
  runtime.fail(format("bad operand type for unary +: '%s'", value.type_name()));
}

Value negate(Runtime& runtime, const Value& value) {
  if (value.is_float()) return -value.as_float();
  if (value.is_undefined()) runtime.fail(*value.as_undefined().message);
  if (!value.is_integral()) runtime.fail(format("bad operand type for unary -: '%s'", value.type_name()));
  Int result = 0;
  if (__builtin_sub_overflow(Int{0}, value.as_int(), &result)) too_large(runtime);
  return result;
}

}  // namespace hone::text::jinja
