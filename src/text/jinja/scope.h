// Which variable a name means. Jinja decides this before a template runs: loops, macros, call, set,
// filter and with blocks each have a frame of their own, and a name that is assigned anywhere in a frame
// belongs to that frame, starting with the outer value. This follows the same rules (the reference's
// idtracking), so that even a name used before its assignment means the same.
#pragma once
#include "text/jinja/ast.h"

namespace hone::text::jinja {

/// Fills every slot, frame layout and filter in the program; a fault is a Fault.
void bind_names(Program& program);

}  // namespace hone::text::jinja
