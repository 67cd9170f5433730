#include "text/jinja/scope.h"

#include <map>
#include <optional>
#include <set>

#include "base/strings.h"
#include "text/jinja/runtime.h"

namespace hone::text::jinja {
namespace {

using K = ExpressionKind;
using S = StatementKind;

// ---- walking ------------------------------------------------------------------------------------

template <typename Visit>
void each_child(const Expression& expression, const Visit& visit) {
  for (const ExpressionPtr& item : expression.items) {
    if (item != nullptr) visit(*item);
  }
  if (const CallArguments* arguments = expression.arguments.get()) {
    for (const ExpressionPtr& value : arguments->positional) visit(*value);
    for (const auto& [name, value] : arguments->named) visit(*value);
    if (arguments->sequence != nullptr) visit(*arguments->sequence);
    if (arguments->mapping != nullptr) visit(*arguments->mapping);
  }
}

enum class Use { kLoad, kStore, kParameter };

/// Calls visit(name, use, place) for every name in a block and all that is nested in it.
template <typename Visit>
void each_name(const Expression& expression, Use use, const Visit& visit) {
  if (expression.kind == K::kName) return visit(expression.text, use, expression.at);
  if (expression.kind == K::kMember) return visit(expression.text, Use::kLoad, expression.at);
  each_child(expression, [&](const Expression& child) { each_name(child, use, visit); });
}

template <typename Visit>
void each_name(const Block& block, const Visit& visit);

template <typename Visit>
void each_name(const Statement& statement, const Visit& visit) {
  if (statement.target != nullptr) each_name(*statement.target, Use::kStore, visit);
  for (const ExpressionPtr& target : statement.targets) each_name(*target, Use::kParameter, visit);
  for (const ExpressionPtr& value : statement.values) each_name(*value, Use::kLoad, visit);
  if (statement.value != nullptr) each_name(*statement.value, Use::kLoad, visit);
  if (const MacroCode* macro = statement.macro.get()) {
    for (const Parameter& parameter : macro->parameters) visit(parameter.name, Use::kParameter, statement.at);
    for (const Parameter& parameter : macro->parameters) {
      if (parameter.otherwise != nullptr) each_name(*parameter.otherwise, Use::kLoad, visit);
    }
    each_name(macro->body, visit);
  }
  if (const ForCode* loop = statement.loop.get()) {
    each_name(*loop->target, Use::kStore, visit);
    each_name(*loop->items, Use::kLoad, visit);
    each_name(loop->body, visit);
    each_name(loop->otherwise, visit);
    if (loop->filter != nullptr) each_name(*loop->filter, Use::kLoad, visit);
  }
  if (const IfCode* choice = statement.choice.get()) {
    for (const IfCode::Branch& branch : choice->branches) {
      if (branch.condition != nullptr) each_name(*branch.condition, Use::kLoad, visit);
      each_name(branch.body, visit);
    }
  }
  each_name(statement.body, visit);
}

template <typename Visit>
void each_name(const Block& block, const Visit& visit) {
  for (const StatementPtr& statement : block) each_name(*statement, visit);
}

/// Whether `name` is read in the block before anything is assigned to it there.
bool reads(const Block& block, std::string_view name) {
  bool read = false, assigned = false;
  each_name(block, [&](const std::string& other, Use use, uint32_t) {
    if (other != name || assigned) return;
    (use == Use::kLoad ? read : assigned) = true;
  });
  return read;
}

ExpressionPtr copy_target(const Expression& target) {
  auto copy = std::make_unique<Expression>();
  copy->kind = target.kind;
  copy->at = target.at;
  copy->text = target.text;
  for (const ExpressionPtr& item : target.items) copy->items.push_back(copy_target(*item));
  return copy;
}

// ---- the names of one frame ------------------------------------------------------------------------

class Scope {
 public:
  explicit Scope(const Scope* parent) : parent_(parent) {}

  std::optional<Slot> find(const std::string& name) const {
    uint32_t up = 0;
    for (const Scope* scope = this; scope != nullptr; scope = scope->parent_, ++up) {
      if (const auto at = scope->slots_.find(name); at != scope->slots_.end()) return Slot{up, at->second};
    }
    return std::nullopt;
  }

  uint32_t declare_parameter(const std::string& name) {
    stores_.insert(name);
    return define(name, {SlotStart::Kind::kParameter, name, {}});
  }

  void load(const std::string& name) {
    if (!find(name)) define(name, {SlotStart::Kind::kVariable, name, {}});
  }

  void store(const std::string& name) {
    stores_.insert(name);
    if (slots_.count(name) > 0) return;
    if (const auto outer = find_outer(name)) {
      define(name, {SlotStart::Kind::kOuter, name, *outer});
    } else {
      define(name, {SlotStart::Kind::kUndefined, name, {}});
    }
  }

  /// What only some branches of an if assign keeps its outer meaning in the others.
  std::set<std::string> stores() const { return stores_; }
  void merge_branches(const std::set<std::string>& before) {
    for (const std::string& name : stores_) {
      if (before.count(name) > 0) continue;
      const auto outer = find_outer(name);
      layout_[slots_.at(name)] =
          outer ? SlotStart{SlotStart::Kind::kOuter, name, *outer} : SlotStart{SlotStart::Kind::kVariable, name, {}};
    }
  }

  FrameLayout take_layout() { return std::move(layout_); }

 private:
  std::optional<Slot> find_outer(const std::string& name) const {
    return parent_ == nullptr ? std::nullopt : parent_->find(name);
  }
  uint32_t define(const std::string& name, SlotStart start) {
    const auto [at, added] = slots_.emplace(name, static_cast<uint32_t>(layout_.size()));
    if (added) {
      layout_.push_back(std::move(start));
    } else {
      layout_[at->second] = std::move(start);
    }
    return at->second;
  }

  const Scope* parent_;
  std::map<std::string, uint32_t> slots_;
  std::set<std::string> stores_;
  FrameLayout layout_;
};

// ---- first pass over a frame: which names it owns -----------------------------------------------------

void collect(Scope& scope, const Expression& expression, Use use = Use::kLoad) {
  each_name(expression, use, [&](const std::string& name, Use how, uint32_t) {
    if (how == Use::kLoad) scope.load(name);
    if (how == Use::kStore) scope.store(name);
    if (how == Use::kParameter) scope.declare_parameter(name);
  });
}

void collect(Scope& scope, const Block& block);

void collect(Scope& scope, const Statement& statement) {
  switch (statement.kind) {
    case S::kPrint: return collect(scope, *statement.value);
    case S::kFor: return collect(scope, *statement.loop->items);  // the rest has frames of its own
    case S::kIf: {
      const auto& branches = statement.choice->branches;
      collect(scope, *branches[0].condition);
      const std::set<std::string> before = scope.stores();
      for (const IfCode::Branch& branch : branches) {
        if (branch.condition != nullptr && &branch != &branches[0]) collect(scope, *branch.condition);
        collect(scope, branch.body);
      }
      return scope.merge_branches(before);
    }
    case S::kSet: collect(scope, *statement.value); return collect(scope, *statement.target, Use::kStore);
    case S::kSetBlock: return collect(scope, *statement.target, Use::kStore);
    case S::kMacro: return scope.store(statement.macro->name);
    case S::kCallBlock:
    case S::kFilterBlock: return collect(scope, *statement.value);
    case S::kWith:
      for (const ExpressionPtr& value : statement.values) collect(scope, *value);
      return;
    case S::kData:
    case S::kGeneration:
    case S::kBreak:
    case S::kContinue: return;
  }
}

void collect(Scope& scope, const Block& block) {
  for (const StatementPtr& statement : block) collect(scope, *statement);
}

// ---- second pass: slots, layouts and filters ---------------------------------------------------------

class Binder {
 public:
  void bind_root(Program& program) {
    Scope scope(nullptr);
    collect(scope, program.body);
    bind(scope, program.body, {});
    program.layout = scope.take_layout();
  }

 private:
  struct Place {
    bool in_loop = false;   ///< break and continue mean something
    bool optional = false;  ///< inside an if: an unknown filter is reported only when it is reached
  };

  [[noreturn]] static void fail(std::string message, uint32_t at) { throw Fault{std::move(message), at}; }

  static Place inner(Place place) { return {place.in_loop, false}; }

  void bind(Scope& scope, Block& block, Place place) {
    for (const StatementPtr& statement : block) bind(scope, *statement, place);
  }

  void bind(Scope& scope, Statement& statement, Place place) {
    switch (statement.kind) {
      case S::kData: return;
      case S::kPrint: return bind(scope, *statement.value, place.optional);
      case S::kFor: return bind_for(scope, *statement.loop, place);
      case S::kIf:
        for (IfCode::Branch& branch : statement.choice->branches) {
          if (branch.condition != nullptr) bind(scope, *branch.condition, true);
          bind(scope, branch.body, {place.in_loop, true});
        }
        return;
      case S::kSet:
        bind(scope, *statement.value, place.optional);
        return bind(scope, *statement.target, place.optional);
      case S::kSetBlock: bind(scope, *statement.target, place.optional); [[fallthrough]];
      case S::kFilterBlock:
      case S::kWith: return bind_block(scope, statement, place);
      case S::kMacro:
        statement.slot = scope.find(statement.macro->name)->index;
        return bind_macro(scope, *statement.macro, statement.at);
      case S::kCallBlock: bind(scope, *statement.value, place.optional); [[fallthrough]];
      case S::kGeneration: return bind_macro(scope, *statement.macro, statement.at);
      case S::kBreak:
      case S::kContinue:
        if (!place.in_loop) {
          fail(std::string(statement.kind == S::kBreak ? "break" : "continue") + " outside a loop", statement.at);
        }
        return;
    }
  }

  void bind_block(Scope& scope, Statement& statement, Place place) {
    for (const ExpressionPtr& value : statement.values) bind(scope, *value, place.optional);
    Scope own(&scope);
    for (const ExpressionPtr& target : statement.targets) collect(own, *target, Use::kParameter);
    collect(own, statement.body);
    if (statement.value != nullptr) collect(own, *statement.value);
    for (const ExpressionPtr& target : statement.targets) bind(own, *target, false);
    if (statement.value != nullptr) bind(own, *statement.value, false);
    bind(own, statement.body, inner(place));
    statement.layout = own.take_layout();
  }

  void bind_for(Scope& scope, ForCode& loop, Place place) {
    const auto refuse_loop = [](const std::string& name, Use use, uint32_t at) {
      if (use == Use::kStore && name == "loop") fail("cannot assign to the special variable 'loop' here", at);
    };
    each_name(*loop.target, Use::kStore, refuse_loop);
    each_name(loop.body, refuse_loop);
    each_name(loop.otherwise, refuse_loop);
    bind(scope, *loop.items, place.optional);
    if (loop.filter != nullptr) {
      Scope own(&scope);
      loop.filter_target = copy_target(*loop.target);
      collect(own, *loop.filter_target, Use::kParameter);
      collect(own, *loop.filter);
      bind(own, *loop.filter_target, false);
      bind(own, *loop.filter, false);
      loop.filter_layout = own.take_layout();
    }
    Scope own(&scope);
    loop.uses_loop = loop.recursive || reads(loop.body, "loop");
    if (loop.uses_loop) loop.loop_slot = own.declare_parameter("loop");
    collect(own, *loop.target, Use::kParameter);
    collect(own, loop.body);
    bind(own, *loop.target, false);
    bind(own, loop.body, {true, false});
    loop.layout = own.take_layout();
    Scope otherwise(&scope);
    collect(otherwise, loop.otherwise);
    bind(otherwise, loop.otherwise, {place.in_loop && !loop.recursive, false});
    loop.otherwise_layout = otherwise.take_layout();
  }

  void bind_macro(Scope& scope, MacroCode& macro, uint32_t at) {
    Scope own(&scope);
    bool explicit_caller = false, explicit_named = false, explicit_positional = false;
    for (Parameter& parameter : macro.parameters) {
      parameter.slot = own.declare_parameter(parameter.name);
      explicit_named = explicit_named || parameter.name == "kwargs";
      explicit_positional = explicit_positional || parameter.name == "varargs";
      if (parameter.name != "caller") continue;
      explicit_caller = true;
      if (parameter.otherwise == nullptr && reads(macro.body, "caller")) {
        fail("the special argument 'caller' must be left out or given a default", at);
      }
    }
    macro.takes_caller = reads(macro.body, "caller");
    macro.takes_named = !explicit_named && reads(macro.body, "kwargs");
    macro.takes_positional = !explicit_positional && reads(macro.body, "varargs");
    if (macro.takes_caller && !explicit_caller) macro.caller_slot = own.declare_parameter("caller");
    if (macro.takes_named) macro.named_slot = own.declare_parameter("kwargs");
    if (macro.takes_positional) macro.positional_slot = own.declare_parameter("varargs");
    for (const Parameter& parameter : macro.parameters) {
      if (parameter.otherwise != nullptr) collect(own, *parameter.otherwise);
    }
    collect(own, macro.body);
    for (const Parameter& parameter : macro.parameters) {
      if (parameter.otherwise != nullptr) bind(own, *parameter.otherwise, false);
    }
    bind(own, macro.body, {});
    macro.layout = own.take_layout();
  }

  void bind(Scope& scope, Expression& expression, bool optional) {
    if (expression.kind == K::kName || expression.kind == K::kMember) expression.slot = *scope.find(expression.text);
    if (expression.kind == K::kConditional) optional = true;
    if (expression.kind == K::kFilter) {
      expression.filter = find_filter(expression.text);
      if (expression.filter == nullptr && !optional) unknown("filter", expression, filter_names());
    }
    if (expression.kind == K::kTest) {
      expression.test = find_test(expression.text);
      if (expression.test == nullptr && !optional) unknown("test", expression, test_names());
    }
    for (const ExpressionPtr& item : expression.items) {
      if (item != nullptr) bind(scope, *item, optional);
    }
    if (CallArguments* arguments = expression.arguments.get()) {
      for (const ExpressionPtr& value : arguments->positional) bind(scope, *value, optional);
      for (const auto& [name, value] : arguments->named) bind(scope, *value, optional);
      if (arguments->sequence != nullptr) bind(scope, *arguments->sequence, optional);
      if (arguments->mapping != nullptr) bind(scope, *arguments->mapping, optional);
    }
  }

  [[noreturn]] static void unknown(const char* kind, const Expression& expression,
                                   const std::vector<std::string>& names) {
    fail(format("no %s named '%s'", kind, expression.text.c_str()) + did_you_mean(expression.text, names),
         expression.at);
  }
};

}  // namespace

void bind_names(Program& program) {
  Binder().bind_root(program);
}

}  // namespace hone::text::jinja
