#include "data/shapes/shape.h"

namespace hone::data {
namespace {

int fits(const Value& row) {
  return *first_present(row, {"text", "document"}) != '\0' ? 2 : 0;
}

void convert(const Value& row, Conversion& conversion, Findings& findings) {
  conversion.example.text = require_text(row, {"text", "document"}, findings);
  conversion.places.push_back({nullptr, 0, row.member("text").exists() ? "text" : "document"});
}

}  // namespace

Shape make_text_shape() {
  return {fits, convert};
}

}  // namespace hone::data
