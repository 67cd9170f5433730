// Template source to tokens: text, tags and expressions, with Jinja's white-space control for
// trim_blocks and lstrip_blocks, the way transformers switches them on.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/value.h"

namespace hone::text::jinja {

enum class TokenKind : uint8_t {
  kData,
  kVariableBegin,
  kVariableEnd,
  kBlockBegin,
  kBlockEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind;
  uint32_t at;       ///< byte in the normalised source
  std::string text;  ///< the data, name, unescaped string, operator, or the number as written
  Value number;      ///< of kInteger and kFloat
};

struct SyntaxOptions {
  bool trim_blocks = true;    ///< drop the line break after a block tag
  bool lstrip_blocks = true;  ///< drop white space before a block tag that begins a line
};

/// Line breaks become "\n" and one at the very end is dropped; tokens refer to this text.
std::string normalize_source(std::string_view source);
/// Fails with Fault.
std::vector<Token> tokenize(std::string_view normalized, const SyntaxOptions& options);
/// Line and column (in characters), both from 1, of a byte in the normalised source.
std::pair<size_t, size_t> line_and_column(std::string_view normalized, size_t at);

}  // namespace hone::text::jinja
