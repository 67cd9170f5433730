// round() of Python; int() and float() are in runtime.h.
#pragma once
#include "text/jinja/runtime.h"

namespace hone::text::jinja {

double round_float(double number, Int digits);
Int round_int(Runtime& runtime, Int number, Int digits);

}  // namespace hone::text::jinja
