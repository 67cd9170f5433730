#include "text/jinja/objects.h"

#include "base/strings.h"

namespace hone::text::jinja {

// ---- namespace ------------------------------------------------------------------------------------

std::string Namespace::repr(Runtime& runtime) const {
  std::string text = "<Namespace {";
  for (size_t i = 0; i < members_.size(); ++i) {
    const Nested nested(runtime);
    runtime.append(text, (i > 0 ? ", " : "") + repr_string(members_[i].first) + ": ");
    runtime.append(text, jinja::repr(runtime, members_[i].second));
  }
  return text + "}>";
}

std::optional<Value> Namespace::attribute(Runtime&, std::string_view name) {
  for (const auto& [key, value] : members_) {
    if (key == name) return value;
  }
  return std::nullopt;
}

void Namespace::set(Runtime& runtime, const std::string& name, Value value) {
  if (!name.empty() && name[0] == '_') {
    runtime.fail("a namespace cannot hold '" + name + "': names that begin with an underscore are private");
  }
  for (auto& [key, old] : members_) {
    if (key != name) continue;
    // The old value may be what `value` was made from; it goes only once the new one is in place.
    std::swap(old, value);
    return;
  }
  members_.emplace_back(name, std::move(value));
}

// ---- macros ----------------------------------------------------------------------------------------

std::string Macro::repr(Runtime&) const {
  return named_ ? "<Macro " + repr_string(code_.name) + ">" : "<Macro anonymous>";
}

Value Macro::call(Runtime&, const Arguments& arguments) {
  return renderer_.call_macro(code_, frame_, repr_string(code_.name), arguments);
}

std::optional<Value> Macro::attribute(Runtime& runtime, std::string_view name) {
  if (name == "name") return named_ ? Value(code_.name) : Value(None{});
  if (name == "caller") return code_.takes_caller;
  if (name == "catch_kwargs") return code_.takes_named;
  if (name == "catch_varargs") return code_.takes_positional;
  if (name != "arguments") return std::nullopt;
  std::vector<Value> names;
  for (const Parameter& parameter : code_.parameters) names.emplace_back(parameter.name);
  return make_list(runtime, std::move(names));
}

// ---- loop --------------------------------------------------------------------------------------------

/// loop.cycle and loop.changed.
class LoopMethod final : public Object {
 public:
  using Method = Value (Loop::*)(Runtime&, const Arguments&);
  LoopMethod(std::shared_ptr<Object> loop, Method method) : loop_(std::move(loop)), method_(method) {
    depth_ = loop_->depth() + 1;
  }
  const char* type_name() const override { return "method"; }
  bool callable() const override { return true; }
  Value call(Runtime& runtime, const Arguments& arguments) override {
    if (!arguments.named.empty()) runtime.fail("this method of loop takes no keyword arguments");
    return (static_cast<Loop&>(*loop_).*method_)(runtime, arguments);
  }

 private:
  std::shared_ptr<Object> loop_;
  Method method_;
};

class LoopPairs final : public Iterator {
 public:
  explicit LoopPairs(std::shared_ptr<Object> loop) : loop_(std::move(loop)) {}
  std::optional<Value> next(Runtime& runtime) override {
    runtime.spend(1);
    const auto item = static_cast<Loop&>(*loop_).advance(runtime);
    if (!item) return std::nullopt;
    return make_tuple(runtime, {*item, loop_});
  }

 private:
  std::shared_ptr<Object> loop_;
};

Loop::Loop(Renderer& renderer, const ForCode& code, Frame& outer, Value items, int depth)
    : renderer_(renderer),
      code_(code),
      outer_(outer),
      items_(std::move(items)),
      iterator_(jinja::iterate(renderer.runtime(), items_)),
      recursion_(depth) {
  depth_ = items_.depth() + 1;
  if (depth_ > renderer.runtime().limits.value_depth) renderer.runtime().fail("values are nested too deeply");
}

std::string Loop::repr(Runtime& runtime) const {
  const Int size = const_cast<Loop*>(this)->length(runtime).value();
  return "<LoopContext " + int_to_string(index0_ + 1) + "/" + int_to_string(size) + ">";
}

Value Loop::call(Runtime& runtime, const Arguments& arguments) {
  if (!code_.recursive) runtime.fail("the loop must be marked as recursive to be called");
  const Bound bound(runtime, "loop", arguments, {"iterable"}, 1);
  return renderer_.run_recursive(code_, bound[0], outer_, recursion_ + 1);
}

std::shared_ptr<Iterator> Loop::iterate(Runtime&) {
  return std::make_shared<LoopPairs>(shared_from_this());
}

void Loop::clear() {
  items_ = None{};
  iterator_.reset();
  before_ = current_ = after_ = last_changed_ = std::nullopt;
}

std::optional<Value> Loop::advance(Runtime& runtime) {
  std::optional<Value> item;
  if (after_known_ && after_) {
    item = std::move(after_);
    after_ = std::nullopt;
  } else {
    item = iterator_ == nullptr ? std::nullopt : iterator_->next(runtime);
  }
  after_known_ = false;
  if (!item) return std::nullopt;
  ++index0_;
  before_ = std::move(current_);
  current_ = item;
  return item;
}

const std::optional<Value>& Loop::peek(Runtime& runtime) {
  if (!after_known_ || !after_) {
    after_ = iterator_ == nullptr ? std::nullopt : iterator_->next(runtime);
    after_known_ = true;
  }
  return after_;
}

std::optional<Int> Loop::length(Runtime& runtime) {
  if (length_) return length_;
  const bool sized = items_.is_string() || items_.is_list() || items_.is_tuple() || items_.is_dict() ||
                     items_.is_undefined() || (items_.is_object() && items_.as_object()->length(runtime));
  if (sized) {
    length_ = static_cast<Int>(jinja::length(runtime, items_));
  } else {  // what is left has to be produced to be counted
    std::vector<Value> rest;
    while (auto item = iterator_->next(runtime)) {
      runtime.spend_items(1);
      rest.push_back(std::move(*item));
    }
    length_ = static_cast<Int>(rest.size()) + index0_ + 1 + (after_ ? 1 : 0);
    iterator_ = jinja::iterate(runtime, make_list(runtime, std::move(rest)));
  }
  return length_;
}

Value Loop::cycle(Runtime& runtime, const Arguments& arguments) {
  if (arguments.positional.empty()) runtime.fail("no items for cycling given");
  const auto size = static_cast<Int>(arguments.positional.size());
  return arguments.positional[static_cast<size_t>(((index0_ % size) + size) % size)];
}

Value Loop::changed(Runtime& runtime, const Arguments& arguments) {
  Value now = make_tuple(runtime, arguments.positional);
  if (last_changed_ && equal(runtime, *last_changed_, now)) return false;
  if (!last_changed_) runtime.keep(shared_from_this());  // it may have been given itself
  last_changed_ = std::move(now);
  return true;
}

std::optional<Value> Loop::attribute(Runtime& runtime, std::string_view name) {
  if (name == "index") return Value(index0_ + 1);
  if (name == "index0") return Value(index0_);
  if (name == "first") return Value(index0_ == 0);
  if (name == "last") return Value(!peek(runtime).has_value());
  if (name == "length") return Value(*length(runtime));
  if (name == "revindex") return Value(*length(runtime) - index0_);
  if (name == "revindex0") return Value(*length(runtime) - index0_ - 1);
  if (name == "depth") return Value(recursion_ + 1);
  if (name == "depth0") return Value(recursion_);
  if (name == "previtem") return index0_ == 0 || !before_ ? undefined("there is no previous item") : *before_;
  if (name == "nextitem") {
    const auto& next = peek(runtime);
    return next ? *next : undefined("there is no next item");
  }
  if (name == "cycle") return Value(std::make_shared<LoopMethod>(shared_from_this(), &Loop::cycle));
  if (name == "changed") return Value(std::make_shared<LoopMethod>(shared_from_this(), &Loop::changed));
  return std::nullopt;
}

}  // namespace hone::text::jinja
