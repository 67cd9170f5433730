// The parsed template. Names are bound to slots of frames before anything runs (see scope.h), so that
// Jinja's rules of what an assignment can be seen from hold exactly.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace hone::text::jinja {

/// A variable: `up` frames outward, then the slot.
struct Slot {
  uint32_t up = 0, index = 0;
};

/// What a slot holds when its frame is entered.
struct SlotStart {
  enum class Kind : uint8_t {
    kParameter,  ///< set by the loop, macro or with that owns the frame
    kUndefined,
    kOuter,     ///< the value of `outer` at that moment (seen from the enclosing frame)
    kVariable,  ///< the template's variable or global function `name`
  };
  Kind kind;
  std::string name;
  Slot outer;
};
using FrameLayout = std::vector<SlotStart>;

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

enum class ExpressionKind : uint8_t {
  kConstant,
  kName,    ///< text; slot
  kMember,  ///< text.attribute as the target of an assignment; slot of the namespace
  kTuple,   ///< items
  kList,
  kDict,       ///< items: key, value, key, value …
  kAttribute,  ///< items[0].text
  kItem,       ///< items[0][items[1]]
  kSlice,      ///< items: start, stop, step; null where left out
  kCall,       ///< items[0](arguments)
  kFilter,     ///< items[0] | text(arguments); items[0] is null in a filter block
  kTest,       ///< items[0] is text(arguments)
  kNegate,
  kPlus,
  kNot,
  kBinary,   ///< items[0] binary_op items[1]
  kConcat,   ///< items joined as text
  kCompare,  ///< items[0] comparisons[0] items[1] comparisons[1] items[2] …
  kAnd,
  kOr,
  kConditional  ///< items[1] if items[0] else items[2]; the last may be null
};

enum class Comparison : uint8_t { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kIn, kNotIn };

/// f(a, b, name=c, *sequence, **mapping)
struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr sequence, mapping;
};

struct Expression {
  ExpressionKind kind;
  uint32_t at = 0;  ///< byte in the normalised source
  int depth = 1;    ///< of the tree below, bounded by the parser
  std::string text, attribute;
  Value constant;
  std::vector<ExpressionPtr> items;
  std::vector<Comparison> comparisons;
  std::unique_ptr<CallArguments> arguments;
  BinaryOp binary_op = BinaryOp::kAdd;
  Slot slot;
  Filter filter = nullptr;  ///< found at binding; null only where the reference reports it while rendering
  Test test = nullptr;
};

struct Statement;
using StatementPtr = std::unique_ptr<Statement>;
using Block = std::vector<StatementPtr>;

enum class StatementKind : uint8_t {
  kData,
  kPrint,
  kFor,
  kIf,
  kSet,
  kSetBlock,
  kMacro,
  kCallBlock,
  kFilterBlock,
  kWith,
  kGeneration,
  kBreak,
  kContinue,
};

struct Parameter {
  std::string name;
  ExpressionPtr otherwise;  ///< null when it has to be given
  uint32_t slot = 0;
};

/// A macro, or the body of a call block.
struct MacroCode {
  std::string name;  ///< "caller" for a call block
  std::vector<Parameter> parameters;
  Block body;
  FrameLayout layout;
  bool takes_caller = false, takes_named = false, takes_positional = false;
  uint32_t caller_slot = 0, named_slot = 0, positional_slot = 0;
};

struct ForCode {
  ExpressionPtr target, items, filter;
  ExpressionPtr filter_target;  ///< `target` once more, bound to the filter's own frame
  Block body, otherwise;
  bool recursive = false;
  bool uses_loop = false;
  uint32_t loop_slot = 0;
  FrameLayout layout, filter_layout, otherwise_layout;
};

struct IfCode {
  struct Branch {
    ExpressionPtr condition;  ///< null for else
    Block body;
  };
  std::vector<Branch> branches;
};

struct Statement {
  StatementKind kind;
  uint32_t at = 0;
  std::string text;                    ///< kData
  ExpressionPtr target;                ///< kSet, kSetBlock
  ExpressionPtr value;                 ///< kPrint, kSet, kCallBlock (the call), kFilterBlock and kSetBlock (the filter)
  std::vector<ExpressionPtr> targets;  ///< kWith
  std::vector<ExpressionPtr> values;   ///< kWith
  Block body;                          ///< kSetBlock, kFilterBlock, kWith
  FrameLayout layout;                  ///< of `body`
  uint32_t slot = 0;                   ///< kMacro: where the macro is put
  std::unique_ptr<ForCode> loop;
  std::unique_ptr<IfCode> choice;
  std::unique_ptr<MacroCode> macro;  ///< kMacro, kCallBlock, kGeneration
};

struct Program {
  std::string source;  ///< normalised
  Block body;
  FrameLayout layout;
};

}  // namespace hone::text::jinja
