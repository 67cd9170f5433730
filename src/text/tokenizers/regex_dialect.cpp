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

// \s is White_Space. PCRE2's own has U+180E as well.
constexpr const char* kSpaces =
    "\\x09-\\x0d\\x20\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";
constexpr const char* kNotSpaces =
    "\\x00-\\x08\\x0e-\\x1f\\x21-\\x{84}\\x{86}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}"
    "\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{10ffff}";
// \w beyond letters, marks, digits and connectors: what Latin-1 has of superscripts and fractions, and
// the symbols that are alphabetic.
constexpr const char* kMoreWord =
    "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{1f169}"
    "\\x{1f170}-\\x{1f189}";

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

/// What an escape means, written as the inside of [ ]; `negated` when it means everything else.
struct CharacterSet {
  std::string body;  ///< "" when PCRE2 means the same by the escape
  bool negated = false;
  size_t length = 2;  ///< of the escape
};

/// The set that `rest`, which starts at a backslash, begins with.
CharacterSet read_escape(std::string_view rest) {
  if (rest.size() < 2) return {};
  switch (rest[1]) {
    case 's':
    case 'S': return {kSpaces, rest[1] == 'S'};
    case 'h':
    case 'H': return {"0-9A-Fa-f", rest[1] == 'H'};
    case 'd':
    case 'D': return {"\\p{Nd}" + newer_ranges("Nd"), rest[1] == 'D'};
    case 'w':
    case 'W':
      return {
          "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}" + newer_ranges("L") + newer_ranges("M") + newer_ranges("Nd") + kMoreWord,
          rest[1] == 'W'};
    case 'p':
    case 'P': break;
    default: return {};
  }
  // \p{L}, \p{Lu}, \p{^L}, \P{L}; anything else (scripts) is left to PCRE2.
  const size_t close = rest.find('}');
  if (rest.size() < 4 || rest[2] != '{' || close == std::string_view::npos) return {};
  std::string_view name = rest.substr(3, close - 3);
  bool negated = rest[1] == 'P';
  if (name.starts_with('^')) {
    negated = !negated;
    name.remove_prefix(1);
  }
  const bool category = (name.size() == 1 || (name.size() == 2 && name[1] >= 'a' && name[1] <= 'z')) &&
                        std::string_view("LMNPS").find(name[0]) != std::string_view::npos;
  if (!category) return {};
  return {"\\p{" + std::string(name) + "}" + newer_ranges(name), negated, close + 1};
}

/// The same for use within [ ], where a complement has to be spelled out; "" where that is not needed
/// or, for the rare [\W…] and [\P{…}], left to PCRE2's older tables.
std::string inside_class(const CharacterSet& set) {
  if (!set.negated) return set.body;
  if (set.body == kSpaces) return kNotSpaces;
  return set.body.starts_with("0-9A") ? "\\x00-\\x2f\\x3a-\\x40\\x47-\\x60\\x67-\\x{10ffff}" : "";
}

}  // namespace

std::string to_pcre2(std::string_view source) {
  std::string out;
  int depth = 0;  // of [ ]
  for (size_t at = 0; at < source.size();) {
    const char c = source[at];
    if (c == '\\') {
      const CharacterSet set = read_escape(source.substr(at));
      const std::string body = depth > 0 ? inside_class(set) : set.body;
      if (body.empty()) {
        out += source.substr(at, 2);
        at += 2;
      } else {
        out += depth > 0 ? body : (set.negated ? "[^" : "[") + body + "]";
        at += set.length;
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
