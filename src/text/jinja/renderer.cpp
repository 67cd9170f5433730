#include "text/jinja/renderer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "text/jinja/objects.h"

namespace hone::text::jinja {

using S = StatementKind;

/// A frame for as long as its block runs, longer if something captured it.
class Renderer::FrameScope {
 public:
  FrameScope(Renderer& renderer, Frame* parent) : renderer_(renderer), frame_(std::make_unique<Frame>()) {
    frame_->parent = parent;
  }
  ~FrameScope() {
    if (frame_->captured) renderer_.kept_frames_.push_back(std::move(frame_));
  }
  FrameScope(const FrameScope&) = delete;
  FrameScope& operator=(const FrameScope&) = delete;
  Frame& operator*() { return *frame_; }

 private:
  Renderer& renderer_;
  std::unique_ptr<Frame> frame_;
};

/// Collects what is written while it lives.
class Renderer::Capture {
 public:
  explicit Capture(Renderer& renderer) : renderer_(renderer), outer_(renderer.out_) { renderer_.out_ = &text; }
  ~Capture() { renderer_.out_ = outer_; }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  std::string text;

 private:
  Renderer& renderer_;
  std::string* outer_;
};

/// The items of `for x in items if condition`, tested one at a time as the loop asks for them.
class FilteredItems final : public Iterator {
 public:
  FilteredItems(Renderer& renderer, const ForCode& loop, Frame& outer, std::shared_ptr<Iterator> items)
      : renderer_(renderer), loop_(loop), items_(std::move(items)) {
    frame_.parent = &outer;
    renderer_.capture(outer);
  }

  std::optional<Value> next(Runtime& runtime) override {
    while (auto item = items_->next(runtime)) {
      if (!entered_) renderer_.start_frame(loop_.filter_layout, frame_);
      entered_ = true;
      renderer_.assign(*loop_.filter_target, *item, frame_);
      if (truth(renderer_.evaluate(*loop_.filter, frame_))) return repack(*loop_.filter_target);
    }
    return std::nullopt;
  }

 private:
  /// A tuple target hands on a new tuple of what was assigned.
  Value repack(const Expression& target) {
    if (target.kind == ExpressionKind::kName) return frame_.slots[target.slot.index];
    std::vector<Value> parts;
    for (const ExpressionPtr& part : target.items) parts.push_back(repack(*part));
    return make_tuple(renderer_.runtime(), std::move(parts));
  }

  Renderer& renderer_;
  const ForCode& loop_;
  std::shared_ptr<Iterator> items_;
  Frame frame_;
  bool entered_ = false;
};

Renderer::Renderer(const Program& program, const Limits& limits, bool wants_ranges)
    : program_(program), wants_ranges_(wants_ranges) {
  runtime_.limits = limits;
}

Renderer::~Renderer() {
  // Macros live in the frames they refer to, namespaces may hold themselves: cut every such tie.
  runtime_.release();
  for (const auto& frame : kept_frames_) frame->slots.clear();
}

std::string Renderer::render(const Json& variables) {
  runtime_.start();
  if (variables.is_object()) {
    for (const auto& [name, value] : variables.items()) variables_[name] = from_json(runtime_, value);
  } else if (!variables.is_null()) {
    runtime_.fail("the variables must be one JSON object");
  }
  out_ = &rendering_;
  FrameScope frame(*this, nullptr);
  capture(*frame);
  start_frame(program_.layout, *frame);
  run(program_.body, *frame);
  return std::move(rendering_);
}

Value Renderer::variable(const std::string& name) {
  const auto at = variables_.find(name);
  return at != variables_.end() ? at->second : find_global(runtime_, name);
}

void Renderer::start_frame(const FrameLayout& layout, Frame& frame) {
  std::vector<Value> slots(layout.size());
  for (size_t i = 0; i < layout.size(); ++i) {
    if (layout[i].kind == SlotStart::Kind::kVariable) slots[i] = variable(layout[i].name);
    if (layout[i].kind != SlotStart::Kind::kOuter) continue;
    const Frame* owner = frame.parent;
    for (uint32_t up = layout[i].outer.up; up > 0; --up) owner = owner->parent;
    slots[i] = owner->slots[layout[i].outer.index];
  }
  frame.slots = std::move(slots);
}

void Renderer::capture(Frame& frame) {
  for (Frame* at = &frame; at != nullptr && !at->captured; at = at->parent) {
    runtime_.spend(50);  // it now stays to the end
    at->captured = true;
  }
}

void Renderer::write(std::string_view text) {
  runtime_.spend(text.size() / 16);
  if (out_->size() + text.size() > runtime_.limits.string_bytes) runtime_.fail("the rendering grows too long");
  *out_ += text;
}

Renderer::Flow Renderer::run(const Block& block, Frame& frame) {
  const Nested nested(runtime_);
  for (const StatementPtr& statement : block) {
    const Flow flow = run(*statement, frame);
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Renderer::Flow Renderer::run(const Statement& statement, Frame& frame) {
  runtime_.spend(1);
  runtime_.at = statement.at;
  switch (statement.kind) {
    case S::kData: write(statement.text); break;
    case S::kPrint: {
      const Value value = evaluate(*statement.value, frame);
      runtime_.at = statement.value->at;
      if (value.is_string()) {
        write(value.as_string());
      } else {
        write(str(runtime_, value));
      }
      break;
    }
    case S::kFor: {
      const Value items = evaluate(*statement.loop->items, frame);
      runtime_.at = statement.loop->items->at;
      if (statement.loop->recursive) {
        write(run_recursive(*statement.loop, items, frame, 0));
      } else {
        run_for(*statement.loop, items, frame, 0);
      }
      break;
    }
    case S::kIf: return run_if(*statement.choice, frame);
    case S::kSet: {
      check_members(*statement.target, frame);
      const Value value = evaluate(*statement.value, frame);
      runtime_.at = statement.at;
      assign(*statement.target, value, frame);
      break;
    }
    case S::kSetBlock: return run_set_block(statement, frame);
    case S::kMacro:
      capture(frame);
      frame.slots[statement.slot] = std::make_shared<Macro>(*this, *statement.macro, frame, true);
      break;
    case S::kCallBlock: run_call_block(statement, frame); break;
    case S::kFilterBlock: return run_filter_block(statement, frame);
    case S::kWith: return run_with(statement, frame);
    case S::kGeneration: run_generation(statement, frame); break;
    case S::kBreak: return Flow::kBreak;
    case S::kContinue: return Flow::kContinue;
  }
  return Flow::kNext;
}

Renderer::Flow Renderer::run_if(const IfCode& choice, Frame& frame) {
  for (const IfCode::Branch& branch : choice.branches) {
    if (branch.condition == nullptr || truth(evaluate(*branch.condition, frame))) return run(branch.body, frame);
  }
  return Flow::kNext;
}

void Renderer::run_for(const ForCode& loop, const Value& items, Frame& frame, int depth) {
  FrameScope body(*this, &frame);
  bool completed = false;  // a pass that reached its end; break and continue in all of them leave the else
  Value source = items;
  if (loop.filter != nullptr) {
    source =
        make_generator(runtime_, "generator",
                       std::make_shared<FilteredItems>(*this, loop, frame, iterate(runtime_, items)), items.depth());
  }
  const auto context = loop.uses_loop ? std::make_shared<Loop>(*this, loop, frame, source, depth) : nullptr;
  const auto iterator = loop.uses_loop ? nullptr : iterate(runtime_, source);
  if (loop.recursive) capture(frame);
  while (true) {
    std::optional<Value> item = loop.uses_loop ? context->advance(runtime_) : iterator->next(runtime_);
    if (!item) break;
    runtime_.spend(1);
    start_frame(loop.layout, *body);
    if (loop.uses_loop) (*body).slots[loop.loop_slot] = context;
    runtime_.at = loop.target->at;
    assign(*loop.target, *item, *body);
    const Flow flow = run(loop.body, *body);
    if (flow == Flow::kBreak) break;
    if (flow == Flow::kNext) completed = true;
  }
  if (completed || loop.otherwise.empty()) return;
  FrameScope otherwise(*this, &frame);
  start_frame(loop.otherwise_layout, *otherwise);
  run(loop.otherwise, *otherwise);
}

std::string Renderer::run_recursive(const ForCode& loop, const Value& items, Frame& frame, int depth) {
  const Nested nested(runtime_);
  Capture capture(*this);
  run_for(loop, items, frame, depth);
  return std::move(capture.text);
}

Renderer::Flow Renderer::run_set_block(const Statement& statement, Frame& frame) {
  FrameScope own(*this, &frame);
  start_frame(statement.layout, *own);
  Capture capture(*this);
  const Flow flow = run(statement.body, *own);
  if (flow != Flow::kNext) return flow;
  Value value(std::move(capture.text));
  if (statement.value != nullptr) value = filter_text(*statement.value, value, *own);
  runtime_.at = statement.at;
  check_members(*statement.target, frame);
  assign(*statement.target, value, frame);
  return flow;
}

Renderer::Flow Renderer::run_filter_block(const Statement& statement, Frame& frame) {
  FrameScope own(*this, &frame);
  start_frame(statement.layout, *own);
  std::string text;
  {
    Capture capture(*this);
    const Flow flow = run(statement.body, *own);
    if (flow != Flow::kNext) return flow;
    text = std::move(capture.text);
  }
  write(str(runtime_, filter_text(*statement.value, Value(std::move(text)), *own)));
  return Flow::kNext;
}

Renderer::Flow Renderer::run_with(const Statement& statement, Frame& frame) {
  FrameScope own(*this, &frame);
  start_frame(statement.layout, *own);
  for (size_t i = 0; i < statement.targets.size(); ++i) {
    const Value value = evaluate(*statement.values[i], frame);
    runtime_.at = statement.targets[i]->at;
    assign(*statement.targets[i], value, *own);
  }
  return run(statement.body, *own);
}

void Renderer::run_call_block(const Statement& statement, Frame& frame) {
  capture(frame);
  const Value caller(std::make_shared<Macro>(*this, *statement.macro, frame, false));
  const Value value = evaluate_call(*statement.value, frame, &caller);
  runtime_.at = statement.at;
  write(str(runtime_, value));
}

void Renderer::run_generation(const Statement& statement, Frame& frame) {
  const std::string text = call_macro(*statement.macro, frame, "caller", {});
  runtime_.at = statement.at;
  if (wants_ranges_ && out_ != &rendering_) {
    // What surrounds it may still change or drop the text, so its place in the rendering is not known.
    runtime_.fail(
        "a {% generation %} block inside a macro, call, set, filter or recursive for block cannot be "
        "located in the rendering");
  }
  if (wants_ranges_) ranges_.emplace_back(rendering_.size(), rendering_.size() + text.size());
  write(text);
}

std::string Renderer::call_macro(const MacroCode& code, Frame& defined_in, const std::string& name,
                                 Arguments arguments) {
  const Nested nested(runtime_);
  FrameScope own(*this, &defined_in);
  start_frame(code.layout, *own);
  const size_t given = std::min(arguments.positional.size(), code.parameters.size());
  const auto take_named = [&](const std::string& wanted) -> std::optional<Value> {
    const auto at = std::find_if(arguments.named.begin(), arguments.named.end(),
                                 [&](const auto& argument) { return argument.first == wanted; });
    if (at == arguments.named.end()) return std::nullopt;
    Value value = std::move(at->second);
    arguments.named.erase(at);
    return value;
  };
  std::vector<bool> set(code.parameters.size(), false);
  bool explicit_caller = false;
  for (size_t i = 0; i < code.parameters.size(); ++i) {
    const Parameter& parameter = code.parameters[i];
    explicit_caller = explicit_caller || parameter.name == "caller";
    std::optional<Value> value = i < given ? arguments.positional[i] : take_named(parameter.name);
    set[i] = value.has_value();
    if (value) (*own).slots[parameter.slot] = std::move(*value);
  }
  if (code.takes_caller && !explicit_caller) {
    std::optional<Value> caller = take_named("caller");
    const bool absent = !caller || caller->is_none();
    (*own).slots[code.caller_slot] = absent ? undefined("No caller defined") : std::move(*caller);
  }
  if (code.takes_named) {
    const auto rest = std::make_shared<Dict>();
    for (auto& [key, value] : arguments.named) rest->set(runtime_, Value(key), std::move(value));
    (*own).slots[code.named_slot] = make_dict(runtime_, rest);
  } else if (!arguments.named.empty()) {
    runtime_.fail("macro " + name + " takes no keyword argument " + arguments.named.front().first);
  }
  if (code.takes_positional) {
    (*own).slots[code.positional_slot] =
        make_tuple(runtime_, std::vector<Value>(arguments.positional.begin() + static_cast<std::ptrdiff_t>(given),
                                                arguments.positional.end()));
  } else if (arguments.positional.size() > code.parameters.size()) {
    runtime_.fail(format("macro %s takes not more than %zu argument(s)", name.c_str(), code.parameters.size()));
  }
  Capture capture(*this);
  for (size_t i = 0; i < code.parameters.size(); ++i) {
    const Parameter& parameter = code.parameters[i];
    if (set[i]) continue;
    (*own).slots[parameter.slot] = parameter.otherwise != nullptr
                                       ? evaluate(*parameter.otherwise, *own)
                                       : undefined("parameter '" + parameter.name + "' was not provided");
  }
  run(code.body, *own);
  return std::move(capture.text);
}

/// Members are assigned only to namespaces; checked before the value is worked out.
void Renderer::check_members(const Expression& target, Frame& frame) {
  for (const ExpressionPtr& item : target.items) check_members(*item, frame);
  if (target.kind != ExpressionKind::kMember) return;
  runtime_.at = target.at;
  if (evaluate_name(target, frame).as<Namespace>() == nullptr) {
    runtime_.fail("cannot assign to '" + target.text + "." + target.attribute + "': '" + target.text +
                  "' is not a namespace");
  }
}

void Renderer::assign(const Expression& target, const Value& value, Frame& frame) {
  if (target.kind == ExpressionKind::kName) {
    frame.slots[target.slot.index] = value;
  } else if (target.kind == ExpressionKind::kMember) {
    evaluate_name(target, frame).as<Namespace>()->set(runtime_, target.attribute, value);
  } else {
    const std::vector<Value> parts = to_vector(runtime_, value);
    if (parts.size() != target.items.size()) {
      runtime_.fail(format("expected %zu values to unpack, got %zu", target.items.size(), parts.size()));
    }
    for (size_t i = 0; i < parts.size(); ++i) assign(*target.items[i], parts[i], frame);
  }
}

}  // namespace hone::text::jinja
