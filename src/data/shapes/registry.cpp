#include "base/strings.h"
#include "data/shapes/shape.h"

namespace hone::data {

#define SHAPE(name, summary) Shape make_##name##_shape();
#include "data/shapes/shapes.def"
#undef SHAPE

const ShapeRegistry& shapes() {
  static const ShapeRegistry all = [] {
    ShapeRegistry registry("record shape");
#define SHAPE(name, summary) registry.add({#name, summary, make_##name##_shape()});
#include "data/shapes/shapes.def"
#undef SHAPE
    return registry;
  }();
  return all;
}

const ShapeRegistry::Entry* detect_shape(const Value& row) {
  const ShapeRegistry::Entry* best = nullptr;
  int best_fit = 0;
  for (const auto& entry : shapes().entries()) {
    const int fit = entry.make.fits(row);
    if (fit > best_fit) best = &entry, best_fit = fit;
    if (fit == 2) break;
  }
  return best;
}

void report_unknown_shape(const Value& row, Findings& findings) {
  std::vector<std::string> names;
  for (const auto& [name, value] : row.members()) {
    if (names.size() < 12) names.push_back(excerpt(name, 30));
  }
  findings.add(
      Check::unknown_shape, "",
      names.empty() ? "an object without fields" : "the fields (" + join(names, ", ") + ") fit no known record shape",
      "name the fields as one of the shapes does: messages; conversations; instruction, output; prompt, "
      "completion; prompt, chosen, rejected; question, answer; text");
}

}  // namespace hone::data
