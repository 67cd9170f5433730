// Runs a bound program over a set of variables.
#pragma once
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/runtime.h"

namespace hone::text::jinja {

/// The variables of one loop, macro, call, set, filter or with block, or of the template itself.
struct Frame {
  Frame* parent = nullptr;
  std::vector<Value> slots;
  bool captured = false;  ///< a macro or loop object may still look at it after its block has ended
};

class Renderer {
 public:
  /// With `wants_ranges`, generation blocks are located in the rendering.
  Renderer(const Program& program, const Limits& limits, bool wants_ranges);
  ~Renderer();
  Renderer(const Renderer&) = delete;
  Renderer& operator=(const Renderer&) = delete;

  /// Renders with the members of `variables`, a JSON object; faults are thrown as Fault.
  std::string render(const Json& variables);
  /// Byte ranges of the {% generation %} blocks of the last rendering.
  const std::vector<std::pair<size_t, size_t>>& generation_ranges() const { return ranges_; }

  Runtime& runtime() { return runtime_; }

 private:
  friend class Macro;
  friend class Loop;
  friend class FilteredItems;
  enum class Flow { kNext, kBreak, kContinue };
  class FrameScope;
  class Capture;

  // renderer.cpp: statements
  Flow run(const Block& block, Frame& frame);
  Flow run(const Statement& statement, Frame& frame);
  Flow run_if(const IfCode& choice, Frame& frame);
  void run_for(const ForCode& loop, const Value& items, Frame& frame, int depth);
  std::string run_recursive(const ForCode& loop, const Value& items, Frame& frame, int depth);
  Flow run_set_block(const Statement& statement, Frame& frame);
  Flow run_filter_block(const Statement& statement, Frame& frame);
  Flow run_with(const Statement& statement, Frame& frame);
  void run_call_block(const Statement& statement, Frame& frame);
  void run_generation(const Statement& statement, Frame& frame);
  std::string call_macro(const MacroCode& code, Frame& defined_in, const std::string& name, Arguments arguments);
  void assign(const Expression& target, const Value& value, Frame& frame);
  void check_members(const Expression& target, Frame& frame);
  void start_frame(const FrameLayout& layout, Frame& frame);
  void capture(Frame& frame);
  Value variable(const std::string& name);
  void write(std::string_view text);

  // evaluate.cpp: expressions
  Value evaluate(const Expression& expression, Frame& frame);
  Value evaluate_name(const Expression& expression, Frame& frame);
  Value evaluate_item(const Expression& expression, Frame& frame);
  Value evaluate_dict(const Expression& expression, Frame& frame);
  Value evaluate_call(const Expression& expression, Frame& frame, const Value* caller);
  Value evaluate_compare(const Expression& expression, Frame& frame);
  Value evaluate_concat(const Expression& expression, Frame& frame);
  Value evaluate_conditional(const Expression& expression, Frame& frame);
  Value apply_filter(const Expression& expression, const Value& value, Frame& frame);
  /// A chain of filters over `value`, which stands for the null at its inner end.
  Value filter_text(const Expression& filter, const Value& value, Frame& frame);
  Value evaluate_test(const Expression& expression, Frame& frame);
  Arguments evaluate_arguments(const CallArguments& arguments, Frame& frame, const char* what);
  std::vector<Value> evaluate_all(const std::vector<ExpressionPtr>& items, Frame& frame);

  const Program& program_;
  Runtime runtime_;
  bool wants_ranges_;
  std::unordered_map<std::string, Value> variables_;
  std::vector<std::unique_ptr<Frame>> kept_frames_;
  std::string* out_ = nullptr;
  std::string rendering_;
  std::vector<std::pair<size_t, size_t>> ranges_;
};

}  // namespace hone::text::jinja
