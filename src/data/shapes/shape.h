// Record shapes: how people write examples, each turned into the one data::Example. A shape is one file here
// and one line in shapes.def.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/registry.h"
#include "data/example.h"
#include "data/finding.h"
#include "data/value.h"

namespace hone::data {

/// Where a turn's text was read, for messages: messages[2].content, or output.
struct Place {
  const char* list = nullptr;  ///< nullptr for a plain field
  size_t index = 0;
  const char* field = "";
  std::string text() const;
};

/// What a shape makes of a row; places[i] belongs to example.messages[i] (one place for a raw text; of a pair of raw
/// texts those of the prompt and of the chosen answer).
struct Conversion {
  Example example;
  std::vector<Place> places;
  std::vector<Place> rejected_places;  ///< of example.rejected's messages, or the one of its text

  void add(std::string role, std::string content, Place place);
};

struct Shape {
  /// How many of the fields that make this shape the row has: 0 none, 1 some, 2 all it needs. The shape
  /// with the most is taken, the first of shapes.def among equals.
  int (*fits)(const Value& row);
  /// Fills `conversion`; faults of form (missing, wrong type …) go to `findings`.
  void (*convert)(const Value& row, Conversion& conversion, Findings& findings);
};
using ShapeRegistry = Registry<Shape>;
const ShapeRegistry& shapes();

/// The shape of an object, nullptr when no shape's fields are there.
const ShapeRegistry::Entry* detect_shape(const Value& row);
/// Adds unknown_shape, naming the fields there are and those the shapes need.
void report_unknown_shape(const Value& row, Findings& findings);

// What the shapes share.

/// The first of `names` that the object has, "" when none.
const char* first_present(const Value& row, std::initializer_list<const char*> names);
/// Reads a text that must be a string; a finding and "" when it is not. `names` are alternatives.
std::string require_text(const Value& row, std::initializer_list<const char*> names, Findings& findings);
/// Reads a text that may be missing or null ("" then).
std::string optional_text(const Value& row, const char* name, Findings& findings);
/// One OpenAI message (role, content, weight, tool_calls …) into a turn.
void convert_message(const Value& message, const char* list, size_t index, Conversion& conversion, Findings& findings);
/// A field that is a text, which becomes a turn of `role`, or a list of messages as TRL writes conversational data.
void read_side(const Value& row, const char* name, const char* role, Conversion& conversion, Findings& findings);
/// The row's `tools` (or legacy `functions`): a list, or a string holding one.
std::string read_tools(const Value& row, Findings& findings);

}  // namespace hone::data
