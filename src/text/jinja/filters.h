// Declares every filter; see filters.def.
#pragma once
#include "text/jinja/runtime.h"

namespace hone::text::jinja::filters {

#define FILTER(name, function) Value function(Runtime& runtime, const Value& value, const Arguments& arguments);
#include "text/jinja/filters.def"
#undef FILTER

/// The attribute path "a.b.0" of |map(attribute=…), |sort(attribute=…) and others.
class AttributePath {
 public:
  /// None (or nothing) means the item itself.
  AttributePath(Runtime& runtime, const Value& attribute, bool ignore_case = false, Value otherwise = None{});
  Value operator()(Runtime& runtime, const Value& item) const;

 private:
  std::vector<Value> parts_;
  bool ignore_case_;
  Value otherwise_;  ///< stands in for Undefined; None: nothing does
};

/// soft_str(): text of any value, Markup kept.
Value soft_string(Runtime& runtime, const Value& value);

}  // namespace hone::text::jinja::filters
