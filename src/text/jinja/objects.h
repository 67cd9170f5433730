// Objects that templates handle by name: namespace(), macros, the `loop` of a for block.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/renderer.h"

namespace hone::text::jinja {

/// namespace(): the one thing a template can change.
class Namespace final : public Object {
 public:
  const char* type_name() const override { return "Namespace"; }
  std::string repr(Runtime& runtime) const override;
  std::optional<Value> attribute(Runtime& runtime, std::string_view name) override;
  void set(Runtime& runtime, const std::string& name, Value value);
  void clear() override { members_.clear(); }

 private:
  std::vector<std::pair<std::string, Value>> members_;
};

class Macro final : public Object {
 public:
  Macro(Renderer& renderer, const MacroCode& code, Frame& defined_in, bool named)
      : renderer_(renderer), code_(code), frame_(defined_in), named_(named) {}
  const char* type_name() const override { return "Macro"; }
  std::string repr(Runtime& runtime) const override;
  bool callable() const override { return true; }
  Value call(Runtime& runtime, const Arguments& arguments) override;
  std::optional<Value> attribute(Runtime& runtime, std::string_view name) override;

 private:
  Renderer& renderer_;
  const MacroCode& code_;
  Frame& frame_;
  bool named_;  ///< false for the body of a call block
};

/// `loop` inside a for block. It looks one item ahead only when asked to, as the reference does.
class Loop final : public Object {
 public:
  Loop(Renderer& renderer, const ForCode& code, Frame& outer, Value items, int depth);
  const char* type_name() const override { return "LoopContext"; }
  std::string repr(Runtime& runtime) const override;
  bool callable() const override { return true; }
  Value call(Runtime& runtime, const Arguments& arguments) override;
  std::optional<Value> attribute(Runtime& runtime, std::string_view name) override;
  std::optional<Int> length(Runtime& runtime) override;
  /// Pairs of item and loop; reading them uses up the loop.
  std::shared_ptr<Iterator> iterate(Runtime& runtime) override;
  void clear() override;

  /// Moves to the next item; nothing when there is none.
  std::optional<Value> advance(Runtime& runtime);

 private:
  friend class LoopMethod;
  const std::optional<Value>& peek(Runtime& runtime);
  Value cycle(Runtime& runtime, const Arguments& arguments);
  Value changed(Runtime& runtime, const Arguments& arguments);

  Renderer& renderer_;
  const ForCode& code_;
  Frame& outer_;
  Value items_;
  std::shared_ptr<Iterator> iterator_;
  std::optional<Int> length_;
  std::optional<Value> before_, current_, after_;
  std::optional<Value> last_changed_;
  Int index0_ = -1;
  int recursion_ = 0;
  bool after_known_ = false;
};

}  // namespace hone::text::jinja
