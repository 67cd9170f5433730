#include "generate/constraints/regex_parser.h"

#include <string>

#include "base/strings.h"
#include "text/unicode.h"

namespace hone::generate {
namespace {

constexpr size_t kLongestPattern = 2000;
constexpr int kDeepestGroup = 50;
constexpr int kMostRepeats = 1000;
using Kind = RegexNode::Kind;

/// Blanks of ECMA-262's \s and of Python's together; the ASCII ones that both know.
const CharRanges kAnyBlank = {{0x09, 0x0D},     {0x1C, 0x20},     {0x85, 0x85},     {0xA0, 0xA0},
                              {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F},
                              {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
const CharRanges kBlank = {{0x09, 0x0D}, {0x20, 0x20}};
const CharRanges kDigit = {{'0', '9'}};
const CharRanges kWord = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const CharRanges kNotAscii = {{0x80, kLastChar}};
const CharRanges kDot = complement({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}});

CharRanges joined(CharRanges a, const CharRanges& b) {
  a.insert(a.end(), b.begin(), b.end());
  return normalized(std::move(a));
}

/// \d \w \s and their opposites. What only one of ECMA-262 and Python counts in is left out; with `wide` (in
/// a class that is then negated) it is taken in.
CharRanges named_set(char name, bool wide) {
  switch (name) {
    case 'd': return wide ? joined(kDigit, kNotAscii) : kDigit;
    case 'w': return wide ? joined(kWord, kNotAscii) : kWord;
    case 's': return wide ? kAnyBlank : kBlank;
    case 'D': return complement(named_set('d', !wide));
    case 'W': return complement(named_set('w', !wide));
    default: return complement(named_set('s', !wide));
  }
}

class Parser {
 public:
  Parser(std::string_view pattern, Budget& budget) : pattern_(pattern), budget_(budget) {
    if (pattern.size() > kLongestPattern) {
      budget.refuse(format("the pattern has %zu bytes, %zu is the most", pattern.size(), kLongestPattern));
    }
    if (text::valid_utf8_prefix(pattern) != pattern.size()) budget.refuse("the pattern is not UTF-8");
    for (size_t at = 0; at < pattern.size();) codes_.push_back(text::next_code(pattern, at));
  }

  RegexNode whole() {
    RegexNode out{.kind = Kind::kAlternate, .set = {}, .children = {}};
    do {
      out.children.push_back(top_alternative());
    } while (take('|'));
    if (at_ < codes_.size()) fail("a ) without its (");
    return out;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    budget_.refuse(format("the pattern \"%s\" is not supported: %s", excerpt(pattern_, 60).c_str(), what.c_str()),
                   "what can be used: alternatives, groups, classes, \\d \\w \\s, ., * + ? {n,m}, ^ and $ at the ends");
  }
  bool more() const { return at_ < codes_.size(); }
  bool next_is(char c) const { return more() && codes_[at_] == static_cast<uint32_t>(c); }
  bool take(char c) {
    if (!next_is(c)) return false;
    ++at_;
    return true;
  }
  uint32_t take_any() {
    if (!more()) fail("it ends too early");
    return codes_[at_++];
  }

  static RegexNode anything() {
    RegexNode all{.kind = Kind::kSet, .set = {{0, kLastChar}}, .children = {}};
    RegexNode out{.kind = Kind::kRepeat, .set = {}, .children = {}, .min = 0, .max = -1};
    out.children.push_back(std::move(all));
    return out;
  }

  RegexNode top_alternative() {
    RegexNode out;
    if (!take('^')) out.children.push_back(anything());
    out.children.push_back(sequence(0));
    if (!take('$')) out.children.push_back(anything());
    if (more() && !next_is('|') && !next_is(')')) fail("$ inside");
    return out;
  }

  /// Up to the end, | , ) or $.
  RegexNode sequence(int depth) {
    RegexNode out;
    while (more() && !next_is('|') && !next_is(')') && !next_is('$')) {
      out.children.push_back(quantified(atom(depth)));
      budget_.spend(10);
    }
    return out;
  }

  RegexNode group(int depth) {
    if (depth >= kDeepestGroup) fail("groups lie too deep");
    if (take('?')) {
      if (take('<')) {
        if (next_is('=') || next_is('!')) fail("look-around");
        while (take_any() != '>') {
        }
      } else if (!take(':')) {
        fail("look-around and flags");
      }
    }
    RegexNode out{.kind = Kind::kAlternate, .set = {}, .children = {}};
    do {
      out.children.push_back(sequence(depth + 1));
    } while (take('|'));
    if (next_is('$')) fail("$ inside a group");
    if (!take(')')) fail("a ( without its )");
    return out;
  }

  RegexNode atom(int depth) {
    const uint32_t c = take_any();
    RegexNode out{.kind = Kind::kSet, .set = {}, .children = {}};
    switch (c) {
      case '(': return group(depth);
      case '[': out.set = char_class(); return out;
      case '.': out.set = kDot; return out;
      case '\\': out.set = escape(false); return out;
      case '^': fail("^ inside");
      case '*':
      case '+':
      case '?': fail("a quantifier with nothing before it");
      case '{': fail("a bare {; write \\{");
      default: out.set = {{c, c}}; return out;
    }
  }

  RegexNode quantified(RegexNode node) {
    int min = 0, max = 0;
    if (take('*')) {
      max = -1;
    } else if (take('+')) {
      min = 1;
      max = -1;
    } else if (take('?')) {
      max = 1;
    } else if (take('{')) {
      min = max = number();
      if (take(',')) max = next_is('}') ? -1 : number();
      if (!take('}')) fail("{ without }");
      if (max >= 0 && max < min) fail("{n,m} with n > m");
    } else {
      return node;
    }
    take('?');  // lazy: the same strings
    if (next_is('*') || next_is('+') || next_is('?') || next_is('{')) fail("two quantifiers in a row");
    RegexNode out{.kind = Kind::kRepeat, .set = {}, .children = {}, .min = min, .max = max};
    out.children.push_back(std::move(node));
    return out;
  }

  int number() {
    int out = 0;
    if (!more() || codes_[at_] < '0' || codes_[at_] > '9') fail("{ without a number");
    while (more() && codes_[at_] >= '0' && codes_[at_] <= '9') {
      out = out * 10 + static_cast<int>(codes_[at_++] - '0');
      if (out > kMostRepeats) fail(format("more than %d repeats", kMostRepeats));
    }
    return out;
  }

  uint32_t hex(int digits) {
    uint32_t out = 0;
    for (int i = 0; i < digits; ++i) {
      const uint32_t c = take_any();
      const uint32_t digit = c >= '0' && c <= '9'   ? c - '0'
                             : c >= 'a' && c <= 'f' ? c - 'a' + 10
                             : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                    : 16;
      if (digit == 16) fail("a wrong hexadecimal escape");
      out = out << 4 | digit;
    }
    return out;
  }

  /// Behind a backslash.
  CharRanges escape(bool wide) {
    const uint32_t c = take_any();
    const auto one = [](uint32_t code) { return CharRanges{{code, code}}; };
    switch (c) {
      case 'd':
      case 'D':
      case 'w':
      case 'W':
      case 's':
      case 'S': return named_set(static_cast<char>(c), wide);
      case 't': return one('\t');
      case 'n': return one('\n');
      case 'r': return one('\r');
      case 'f': return one('\f');
      case 'v': return one('\v');
      case 'x': return one(hex(2));
      case 'u': return one(hex(4));
      default:
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
          fail(std::string("\\") + static_cast<char>(c));
        }
        return one(c);
    }
  }

  CharRanges char_class() {
    const bool negated = take('^');
    CharRanges all;
    while (!take(']')) {
      const CharRanges from = class_item(negated);
      budget_.spend(10);
      if (single(from) && next_is('-') && at_ + 1 < codes_.size() && codes_[at_ + 1] != ']') {
        ++at_;
        const CharRanges to = class_item(negated);
        if (!single(to) || to[0].first < from[0].first) fail("a wrong range in [ ]");
        all.emplace_back(from[0].first, to[0].first);
      } else {
        all.insert(all.end(), from.begin(), from.end());
      }
    }
    all = normalized(std::move(all));
    return negated ? complement(all) : all;
  }
  CharRanges class_item(bool negated) {
    if (take('\\')) return escape(negated);
    const uint32_t c = take_any();
    return {{c, c}};
  }
  static bool single(const CharRanges& set) { return set.size() == 1 && set[0].first == set[0].second; }

  std::string_view pattern_;
  Budget& budget_;
  std::vector<uint32_t> codes_;
  size_t at_ = 0;
};

}  // namespace

RegexNode parse_regex(std::string_view pattern, Budget& budget) {
  return Parser(pattern, budget).whole();
}

}  // namespace hone::generate
