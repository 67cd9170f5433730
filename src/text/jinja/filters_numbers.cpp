// Filters on numbers.
#include <cmath>

#include "base/strings.h"
#include "text/jinja/filters.h"
#include "text/jinja/numbers.h"

namespace hone::text::jinja::filters {

Value absolute(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "abs", arguments, {}, 0);
  if (value.is_float()) return std::fabs(value.as_float());
  if (value.is_integral()) return value.as_int() < 0 ? negate(runtime, value) : plus(runtime, value);
  if (value.is_undefined()) runtime.fail(*value.as_undefined().message);
  runtime.fail(format("bad operand type for abs(): '%s'", value.type_name()));
}

Value to_float(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "float", arguments, {"default"}, 0);
  if (value.is_float()) return value;
  if (value.is_integral()) return static_cast<double>(value.as_int());
  if (value.is_undefined()) runtime.fail(*value.as_undefined().message);
  if (value.is_string()) {
    if (const auto number = parse_float(value.as_string())) return *number;
  }
  return bound.value(0, 0.0);
}

Value to_int(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "int", arguments, {"default", "base"}, 0);
  if (value.is_integral()) return value.as_int();
  if (value.is_undefined()) runtime.fail(*value.as_undefined().message);
  std::optional<double> real;
  if (value.is_string()) {
    const Int base = bound.integer(1, 10);
    const bool known_base = base == 0 || (base >= 2 && base <= 36);
    if (known_base) {
      if (const auto number = parse_int(runtime, value.as_string(), static_cast<int>(base))) return *number;
    }
    real = parse_float(value.as_string());
  } else if (value.is_float()) {
    if (std::isinf(value.as_float())) runtime.fail("cannot convert float infinity to integer");
    real = value.as_float();
  }
  if (!real || !std::isfinite(*real)) return bound.value(0, 0);
  return jinja::truncate(runtime, *real);
}

Value rounded(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "round", arguments, {"precision", "method"}, 0);
  const std::string method = bound.has(1) && bound[1].is_string() ? bound.string(1) : bound.has(1) ? "" : "common";
  if (method != "common" && method != "ceil" && method != "floor") {
    runtime.fail("round: the method must be common, ceil or floor");
  }
  if (value.is_undefined()) runtime.fail(*value.as_undefined().message);
  if (!value.is_number()) runtime.fail(format("type %s cannot be rounded", value.type_name()));
  if (method == "common") {
    if (bound.has(0) && bound[0].is_none()) {  // round(x, None) is an int
      return value.is_float() ? Value(jinja::truncate(runtime, round_float(value.as_float(), 0)))
                              : plus(runtime, value);
    }
    const Int digits = bound.integer(0, 0);
    if (value.is_float()) return round_float(value.as_float(), digits);
    return round_int(runtime, value.as_int(), digits);
  }
  const Value factor = binary(runtime, BinaryOp::kPow, 10, bound.value(0, 0));
  const Value scaled = binary(runtime, BinaryOp::kMul, value, factor);
  Value whole = plus(runtime, scaled);
  if (scaled.is_float()) {
    whole = jinja::truncate(runtime, method == "ceil" ? std::ceil(scaled.as_float()) : std::floor(scaled.as_float()));
  }
  return binary(runtime, BinaryOp::kDiv, whole, factor);
}

Value summed(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "sum", arguments, {"attribute", "start"}, 0);
  const AttributePath path(runtime, bound.value(0, None{}));
  Value total = bound.value(1, 0);
  if (total.is_string()) runtime.fail("sum() can't sum strings; use join instead");
  const auto items = iterate(runtime, value);
  while (const auto item = items->next(runtime)) total = binary(runtime, BinaryOp::kAdd, total, path(runtime, *item));
  return total;
}

}  // namespace hone::text::jinja::filters
