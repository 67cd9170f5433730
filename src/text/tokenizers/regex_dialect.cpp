// From the reference's regular expression dialect to PCRE2's: where an escape means something else, or
// where PCRE2's tables (Unicode 14) are older, the class is spelled out.
#include <utf8proc.h>

#include "base/strings.h"
#include "text/tokenizers/pattern.h"

namespace hone::text {
namespace {

struct CategoryRange {
  uint32_t first, last;
  int category;
};
struct CodeRange {
  uint32_t first, last;
};
struct CodePair {
  uint32_t from, to;
};
#include "text/unicode_exceptions.inc"

// \s and \S: White_Space. PCRE2's own has U+180E as well.
constexpr const char* kSpaces =
    "\\x09-\\x0d\\x20\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";
constexpr const char* kNotSpaces =
    "\\x00-\\x08\\x0e-\\x1f\\x21-\\x{84}\\x{86}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}"
    "\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{10ffff}";

/// The ranges of newer code points whose category's two letters start with `name` ("L", "Lu").
std::string newer_ranges(std::string_view name) {
  static constexpr std::string_view kNames[] = {// in the order of utf8proc_category_t
                                                "Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd",
                                                "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm",
                                                "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co"};
  std::string out;
  for (const CategoryRange& range : kNewerCategories) {
    if (starts_with(kNames[static_cast<size_t>(range.category)], name)) {
      out += format("\\x{%x}-\\x{%x}", range.first, range.last);
    }
  }
  return out;
}

/// What stands inside [ ] for an escape, or "" when PCRE2 means the same by it. `length` is the
/// escape's length in `rest`, which starts at the backslash.
std::string class_body(std::string_view rest, size_t& length) {
  if (rest.size() < 2) return "";
  length = 2;
  switch (rest[1]) {
    case 's': return kSpaces;
    case 'S': return kNotSpaces;
    case 'h': return "0-9A-Fa-f";
    case 'H': return "\\x00-\\x2f\\x3a-\\x40\\x47-\\x60\\x67-\\x{10ffff}";
    case 'd': return "\\p{Nd}" + newer_ranges("Nd");
    case 'w': return "\\p{L}\\p{M}\\p{N}\\p{Pc}" + newer_ranges("L") + newer_ranges("M") + newer_ranges("N");
    case 'p': break;
    default: return "";
  }
  // \p{L}, \p{Lu}; anything else (scripts, \p{^…}) is left to PCRE2.
  const size_t close = rest.find('}');
  if (rest.size() < 4 || rest[2] != '{' || close == std::string_view::npos) return "";
  const std::string_view name = rest.substr(3, close - 3);
  const bool category = (name.size() == 1 || (name.size() == 2 && name[1] >= 'a' && name[1] <= 'z')) &&
                        std::string_view("LMNPS").find(name[0]) != std::string_view::npos;
  if (!category) return "";
  length = close + 1;
  return "\\p{" + std::string(name) + "}" + newer_ranges(name);
}

}  // namespace

std::string to_pcre2(std::string_view source) {
  std::string out;
  int depth = 0;  // of [ ]
  for (size_t at = 0; at < source.size();) {
    const char c = source[at];
    if (c == '\\') {
      size_t length = 2;
      const std::string body = class_body(source.substr(at), length);
      if (body.empty()) {
        out += source.substr(at, 2);
        at += 2;
      } else {
        out += depth > 0 ? body : "[" + body + "]";
        at += length;
      }
      continue;
    }
    if (c == '[') {
      if (depth == 0) {
        depth = 1;
        out += c;
        ++at;
        // The first ] of a class is a character, also behind ^.
        if (at < source.size() && source[at] == '^') out += source[at++];
        if (at < source.size() && source[at] == ']') {
          out += "\\]";
          ++at;
        }
        continue;
      }
      if (source.substr(at, 2) == "[:") {  // [:alpha:]
        const size_t close = source.find(":]", at);
        if (close != std::string_view::npos) {
          out += source.substr(at, close + 2 - at);
          at = close + 2;
          continue;
        }
      }
      out += "\\[";
      ++at;
      continue;
    }
    if (c == ']' && depth > 0) depth = 0;
    out += c;
    ++at;
  }
  return out;
}

}  // namespace hone::text
