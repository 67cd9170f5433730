#include "data/shapes/shape.h"

namespace hone::data {
namespace {

int fits(const Value& row) {
  return row.member("text").exists() ? 2 : 0;
}

void convert(const Value& row, Conversion& conversion, Findings& findings) {
  conversion.example.text = require_text(row, {"text"}, findings);
  conversion.places.push_back({nullptr, 0, "text"});
}

}  // namespace

Shape make_text_shape() {
  return {fits, convert};
}

}  // namespace hone::data
