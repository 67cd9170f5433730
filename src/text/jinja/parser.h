// Tokens to statements and expressions; Jinja's grammar with its loop-control tags and the
// {% generation %} tag of transformers.
#pragma once
#include "text/jinja/ast.h"
#include "text/jinja/lexer.h"

namespace hone::text::jinja {

/// Reads and binds a template; every fault in it is a Fault.
Program parse(std::string_view source, const SyntaxOptions& options);

}  // namespace hone::text::jinja
