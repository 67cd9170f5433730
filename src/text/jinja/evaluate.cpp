// Expressions.
#include "base/strings.h"
#include "text/jinja/lexer.h"
#include "text/jinja/objects.h"
#include "text/jinja/renderer.h"

namespace hone::text::jinja {

using K = ExpressionKind;

Value Renderer::evaluate(const Expression& expression, Frame& frame) {
  const Nested nested(runtime_);
  runtime_.spend(1);
  switch (expression.kind) {
    case K::kConstant: return expression.constant;
    case K::kName: return evaluate_name(expression, frame);
    case K::kTuple: return make_tuple(runtime_, evaluate_all(expression.items, frame));
    case K::kList: return make_list(runtime_, evaluate_all(expression.items, frame));
    case K::kDict: return evaluate_dict(expression, frame);
    case K::kAttribute: {
      const Value object = evaluate(*expression.items[0], frame);
      runtime_.at = expression.at;
      return get_attribute(runtime_, object, expression.text);
    }
    case K::kItem: return evaluate_item(expression, frame);
    case K::kCall: return evaluate_call(expression, frame, nullptr);
    case K::kFilter: return apply_filter(expression, evaluate(*expression.items[0], frame), frame);
    case K::kTest: return evaluate_test(expression, frame);
    case K::kNot: return !truth(evaluate(*expression.items[0], frame));
    case K::kNegate:
    case K::kPlus: {
      const Value value = evaluate(*expression.items[0], frame);
      runtime_.at = expression.at;
      return expression.kind == K::kNegate ? negate(runtime_, value) : plus(runtime_, value);
    }
    case K::kBinary: {
      const Value left = evaluate(*expression.items[0], frame);
      const Value right = evaluate(*expression.items[1], frame);
      runtime_.at = expression.at;
      return binary(runtime_, expression.binary_op, left, right);
    }
    case K::kConcat: return evaluate_concat(expression, frame);
    case K::kCompare: return evaluate_compare(expression, frame);
    case K::kAnd: {
      Value left = evaluate(*expression.items[0], frame);
      return truth(left) ? evaluate(*expression.items[1], frame) : left;
    }
    case K::kOr: {
      Value left = evaluate(*expression.items[0], frame);
      return truth(left) ? left : evaluate(*expression.items[1], frame);
    }
    case K::kConditional: return evaluate_conditional(expression, frame);
    case K::kMember:
    case K::kSlice: break;
  }
  runtime_.at = expression.at;
  runtime_.fail("a slice cannot stand here");
}

Value Renderer::evaluate_name(const Expression& expression, Frame& frame) {
  const Frame* owner = &frame;
  for (uint32_t up = expression.slot.up; up > 0; --up) owner = owner->parent;
  // A loop object's frame may have been given up when its loop ended.
  const bool there = expression.slot.index < owner->slots.size();
  if (there && !owner->slots[expression.slot.index].is_missing()) return owner->slots[expression.slot.index];
  return undefined_name(expression.text);
}

std::vector<Value> Renderer::evaluate_all(const std::vector<ExpressionPtr>& items, Frame& frame) {
  std::vector<Value> values;
  values.reserve(items.size());
  for (const ExpressionPtr& item : items) values.push_back(evaluate(*item, frame));
  return values;
}

Value Renderer::evaluate_item(const Expression& expression, Frame& frame) {
  const Value object = evaluate(*expression.items[0], frame);
  const Expression& key = *expression.items[1];
  if (key.kind != K::kSlice) {
    const Value index = evaluate(key, frame);
    runtime_.at = expression.at;
    return get_item(runtime_, object, index);
  }
  Value bounds[3] = {None{}, None{}, None{}};
  for (size_t i = 0; i < 3; ++i) {
    if (key.items[i] != nullptr) bounds[i] = evaluate(*key.items[i], frame);
  }
  runtime_.at = expression.at;
  return get_slice(runtime_, object, bounds[0], bounds[1], bounds[2]);
}

Value Renderer::evaluate_dict(const Expression& expression, Frame& frame) {
  const auto dict = std::make_shared<Dict>();
  for (size_t i = 0; i < expression.items.size(); i += 2) {
    const Value key = evaluate(*expression.items[i], frame);
    Value value = evaluate(*expression.items[i + 1], frame);
    runtime_.at = expression.items[i]->at;
    dict->set(runtime_, key, std::move(value));
  }
  return make_dict(runtime_, dict);
}

Arguments Renderer::evaluate_arguments(const CallArguments& arguments, Frame& frame, const char* what) {
  Arguments result;
  result.positional = evaluate_all(arguments.positional, frame);
  for (const auto& [name, value] : arguments.named) result.named.emplace_back(name, evaluate(*value, frame));
  if (arguments.sequence != nullptr) {
    for (Value& value : to_vector(runtime_, evaluate(*arguments.sequence, frame))) {
      result.positional.push_back(std::move(value));
    }
  }
  if (arguments.mapping == nullptr) return result;
  const Value mapping = evaluate(*arguments.mapping, frame);
  runtime_.at = arguments.mapping->at;
  if (!mapping.is_dict()) runtime_.fail(std::string(what) + " argument after ** must be a mapping");
  for (const auto& [key, value] : mapping.as_dict()->entries()) {
    if (!key.is_string()) runtime_.fail("keywords must be strings");
    for (const auto& [name, other] : result.named) {
      if (name == key.as_string()) runtime_.fail("multiple values for keyword argument '" + name + "'");
    }
    result.named.emplace_back(key.as_string(), value);
  }
  return result;
}

Value Renderer::evaluate_call(const Expression& expression, Frame& frame, const Value* caller) {
  const Value callee = evaluate(*expression.items[0], frame);
  Arguments arguments = evaluate_arguments(*expression.arguments, frame, "the");
  runtime_.at = expression.at;
  if (caller != nullptr) {
    for (const auto& [name, value] : arguments.named) {
      if (name == "caller") runtime_.fail("a call block gives the argument 'caller' itself");
    }
    arguments.named.emplace_back("caller", *caller);
  }
  return call(runtime_, callee, arguments);
}

Value Renderer::apply_filter(const Expression& expression, const Value& value, Frame& frame) {
  runtime_.at = expression.at;
  if (expression.filter == nullptr) {
    runtime_.fail("no filter named '" + expression.text + "'" + did_you_mean(expression.text, filter_names()));
  }
  const Arguments arguments = evaluate_arguments(*expression.arguments, frame, "the filter's");
  runtime_.at = expression.at;
  return expression.filter(runtime_, value, arguments);
}

Value Renderer::filter_text(const Expression& filter, const Value& value, Frame& frame) {
  const Nested nested(runtime_);
  if (filter.items[0] == nullptr) return apply_filter(filter, value, frame);
  return apply_filter(filter, filter_text(*filter.items[0], value, frame), frame);
}

Value Renderer::evaluate_test(const Expression& expression, Frame& frame) {
  const Value value = evaluate(*expression.items[0], frame);
  runtime_.at = expression.at;
  if (expression.test == nullptr) {
    runtime_.fail("no test named '" + expression.text + "'" + did_you_mean(expression.text, test_names()));
  }
  const Arguments arguments = evaluate_arguments(*expression.arguments, frame, "the test's");
  runtime_.at = expression.at;
  return expression.test(runtime_, value, arguments);
}

Value Renderer::evaluate_concat(const Expression& expression, Frame& frame) {
  std::vector<Value> parts = evaluate_all(expression.items, frame);
  runtime_.at = expression.at;
  std::string text;
  for (const Value& part : parts) {
    runtime_.append(text, str(runtime_, part));
  }
  return text;
}

Value Renderer::evaluate_compare(const Expression& expression, Frame& frame) {
  Value left = evaluate(*expression.items[0], frame);
  for (size_t i = 0; i < expression.comparisons.size(); ++i) {
    Value right = evaluate(*expression.items[i + 1], frame);
    runtime_.at = expression.at;
    bool holds = false;
    switch (expression.comparisons[i]) {
      case Comparison::kEqual: holds = equal(runtime_, left, right); break;
      case Comparison::kNotEqual: holds = !equal(runtime_, left, right); break;
      case Comparison::kLess: holds = ordered(runtime_, left, Order::kLess, right); break;
      case Comparison::kLessEqual: holds = ordered(runtime_, left, Order::kLessEqual, right); break;
      case Comparison::kGreater: holds = ordered(runtime_, left, Order::kGreater, right); break;
      case Comparison::kGreaterEqual: holds = ordered(runtime_, left, Order::kGreaterEqual, right); break;
      case Comparison::kIn: holds = contains(runtime_, right, left); break;
      case Comparison::kNotIn: holds = !contains(runtime_, right, left); break;
    }
    if (!holds) return false;
    left = std::move(right);
  }
  return true;
}

Value Renderer::evaluate_conditional(const Expression& expression, Frame& frame) {
  if (truth(evaluate(*expression.items[0], frame))) return evaluate(*expression.items[1], frame);
  if (expression.items[2] != nullptr) return evaluate(*expression.items[2], frame);
  return undefined(format("the inline if-expression on line %zu evaluated to false and has no else",
                          line_and_column(program_.source, expression.at).first));
}

}  // namespace hone::text::jinja
