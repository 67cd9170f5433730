// Checks of what a record says, whatever its shape was: order of turns, empty and odd texts, lengths.
#pragma once
#include <cstddef>

#include "data/finding.h"
#include "data/shapes/shape.h"

namespace hone::data {

struct ContentLimits {
  /// A text of n characters (code points) is fine when min_length < n < max_length.
  size_t min_length = 5;
  size_t max_length = 2048;
};

/// Adds to `findings`; a place that already has one is not told a second time that it is empty.
void check_content(const Conversion& conversion, const ContentLimits& limits, Findings& findings);

}  // namespace hone::data
