// Checks of preference pairs: each answer as it would be checked alone, and both against each other.
#pragma once
#include "data/content_checks.h"

namespace hone::data {

/// `conversion.example.rejected` must be there. What both branches have in common is told once.
void check_pair(const Conversion& conversion, const ContentLimits& limits, Findings& findings);

}  // namespace hone::data
