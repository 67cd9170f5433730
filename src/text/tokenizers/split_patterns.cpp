// Hand-written matchers for the split patterns that published tokenizers use. Each follows its regular
// expression alternative by alternative; tests hold them equal to PCRE2 on fuzzed text.
#include <utf8proc.h>

#include <array>

#include "text/tokenizers/pattern.h"

namespace hone::text {
namespace {

// Classes of a character, as bits.
enum : uint8_t {
  kLetter = 1,
  kNumber = 2,
  kSpace = 4,
  kNewline = 8,    // \r or \n; they are spaces too
  kUpperish = 16,  // [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]
  kLowerish = 32,  // [\p{Ll}\p{Lm}\p{Lo}\p{M}]
};

uint8_t classes_of_category(int category) {
  switch (category) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LT: return kLetter | kUpperish;
    case UTF8PROC_CATEGORY_LL: return kLetter | kLowerish;
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return kLetter | kUpperish | kLowerish;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: return kUpperish | kLowerish;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return kNumber;
    default: return 0;
  }
}

std::array<uint8_t, 128> ascii_classes() {
  std::array<uint8_t, 128> table{};
  for (uint32_t c = 0; c < 128; ++c) {
    table[c] = classes_of_category(utf8proc_category(static_cast<utf8proc_int32_t>(c)));
    if (is_space(c)) table[c] |= kSpace;
    if (c == '\r' || c == '\n') table[c] |= kNewline;
  }
  return table;
}

/// A cursor over text that knows the class of each character. Reading at the end gives class 0, length 0.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  size_t size() const { return text_.size(); }
  bool is(size_t at, char c) const { return at < text_.size() && text_[at] == c; }

  uint8_t classes(size_t at, size_t& next) const {
    next = at;
    if (at >= text_.size()) return 0;
    const auto lead = static_cast<unsigned char>(text_[at]);
    if (lead < 0x80) {
      static const std::array<uint8_t, 128> kAscii = ascii_classes();
      ++next;
      return kAscii[lead];
    }
    const uint32_t code = next_code(text_, next);
    const uint8_t classes = classes_of_category(category_beyond_ascii(code));
    if (classes) return classes;
    return is_space(code) ? uint8_t{kSpace} : uint8_t{0};
  }
  uint8_t classes(size_t at) const {
    size_t next;
    return classes(at, next);
  }
  /// The end of the run of characters with any of `wanted`.
  size_t run(size_t at, uint8_t wanted) const {
    for (size_t next; classes(at, next) & wanted; at = next) {
    }
    return at;
  }
  /// The end of the run of characters that are neither space, letter nor number.
  size_t run_of_others(size_t at) const {
    for (size_t next; at < text_.size() && !(classes(at, next) & (kSpace | kLetter | kNumber)); at = next) {
    }
    return at;
  }
  size_t run_of_bytes(size_t at, std::string_view bytes) const {
    while (at < text_.size() && bytes.find(text_[at]) != std::string_view::npos) ++at;
    return at;
  }

  /// 's|'t|'re|'ve|'m|'ll|'d: the end of the contraction at `at`, or `at` when there is none.
  size_t contraction(size_t at, bool ignore_case) const {
    if (!is(at, '\'')) return at;
    const auto letter = [&](size_t i) {
      const char c = i < text_.size() ? text_[i] : '\0';
      return ignore_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    };
    const char a = letter(at + 1), b = letter(at + 2);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return at + 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return at + 3;
    // U+017F, the long s, is an s to a match without case.
    if (ignore_case && text_.substr(at + 1, 2) == "\xC5\xBF") return at + 3;
    return at;
  }

  /// \s+(?!\S)|\s+ : a run of spaces, less its last one when something else follows.
  size_t spaces(size_t at) const {
    size_t last = at, end = at;
    for (size_t next; classes(end, next) & kSpace; end = next) last = end;
    return end < text_.size() && last > at ? last : end;
  }
  /// \s*[\r\n]+ : up to the last line break in a run of spaces; `at` when there is none.
  size_t line_breaks(size_t at) const {
    size_t found = at, end = at;
    for (size_t next;; end = next) {
      const uint8_t c = classes(end, next);
      if (!(c & kSpace)) return found;
      if (c & kNewline) found = next;
    }
  }

 private:
  std::string_view text_;
};

/// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
struct Gpt2 {
  size_t operator()(const Reader& in, size_t at) const {
    if (const size_t end = in.contraction(at, false); end > at) return end;
    const size_t start = in.is(at, ' ') ? at + 1 : at;
    const uint8_t c = in.classes(start);
    if (c & kLetter) return in.run(start, kLetter);
    if (c & kNumber) return in.run(start, kNumber);
    if (start < in.size() && !(c & kSpace)) return in.run_of_others(start);
    return in.spaces(at);
  }
};

/// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|
/// \s+(?!\S)|\s+
template <int digits>
struct Cl100k {
  size_t operator()(const Reader& in, size_t at) const {
    if (const size_t end = in.contraction(at, true); end > at) return end;
    size_t next;
    const uint8_t c = in.classes(at, next);
    if (c & kLetter) return in.run(next, kLetter);
    if (c & kNumber) {
      for (int i = 1; i < digits && in.classes(next) & kNumber; ++i) in.classes(next, next);
      return next;
    }
    if (!(c & kNewline) && in.classes(next) & kLetter) return in.run(next, kLetter);
    if (!(c & kSpace)) return in.run_of_bytes(in.run_of_others(next), "\r\n");
    if (in.is(at, ' ') && next < in.size() && !(in.classes(next) & (kSpace | kLetter | kNumber))) {
      return in.run_of_bytes(in.run_of_others(next), "\r\n");
    }
    if (const size_t end = in.line_breaks(at); end > at) return end;
    return in.spaces(at);
  }
};

/// With U = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}], W = [\p{Ll}\p{Lm}\p{Lo}\p{M}], C the contractions:
/// [^\r\n\p{L}\p{N}]?U*W+C?|[^\r\n\p{L}\p{N}]?U+W*C?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
struct O200k {
  /// U*W+ from `at`; `at` when it does not match.
  static size_t lower_word(const Reader& in, size_t at) {
    size_t after_common = at, end = at;  // behind the last character that is both U and W
    for (size_t next;; end = next) {
      const uint8_t c = in.classes(end, next);
      if (!(c & kUpperish)) break;
      if (c & kLowerish) after_common = next;
    }
    const size_t lower = in.run(end, kLowerish);
    // Without a W behind U*, the regular expression gives back until one of U* serves as W.
    return lower > end ? lower : after_common;
  }
  /// U+W* from `at`.
  static size_t upper_word(const Reader& in, size_t at) {
    const size_t end = in.run(at, kUpperish);
    return end > at ? in.run(end, kLowerish) : at;
  }

  size_t operator()(const Reader& in, size_t at) const {
    size_t next;
    const uint8_t c = in.classes(at, next);
    const bool prefix = !(c & (kNewline | kLetter | kNumber));
    for (const auto word : {lower_word, upper_word}) {
      if (prefix) {
        if (const size_t end = word(in, next); end > next) return in.contraction(end, true);
      }
      if (const size_t end = word(in, at); end > at) return in.contraction(end, true);
    }
    if (c & kNumber) {
      for (int i = 1; i < 3 && in.classes(next) & kNumber; ++i) in.classes(next, next);
      return next;
    }
    if (!(c & kSpace)) return in.run_of_bytes(in.run_of_others(next), "\r\n/");
    if (in.is(at, ' ') && next < in.size() && !(in.classes(next) & (kSpace | kLetter | kNumber))) {
      return in.run_of_bytes(in.run_of_others(next), "\r\n/");
    }
    if (const size_t end = in.line_breaks(at); end > at) return end;
    return in.spaces(at);
  }
};

template <typename Step>
class KnownPattern : public Pattern {
 public:
  void find(std::string_view text, std::vector<Match>& out) const override {
    const Reader in(text);
    for (size_t at = 0; at < text.size();) {
      const size_t end = Step()(in, at);
      out.push_back({static_cast<uint32_t>(at), static_cast<uint32_t>(end), true});
      at = end;
    }
  }
};

template <typename Step>
std::unique_ptr<Pattern> make_known() {
  return std::make_unique<KnownPattern<Step>>();
}

struct Known {
  std::string_view source;
  std::unique_ptr<Pattern> (*make)();
};

// The same expression is published in several spellings.
const Known kKnown[] = {
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", make_known<Gpt2>},
    {R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", make_known<Gpt2>},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     make_known<Cl100k<3>>},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     make_known<Cl100k<1>>},
    {R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)",
     make_known<Cl100k<3>>},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)",
     make_known<Cl100k<3>>},
    {R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     make_known<O200k>},
};

}  // namespace

std::unique_ptr<Pattern> make_known_pattern(std::string_view source) {
  for (const Known& known : kKnown) {
    if (known.source == source) return known.make();
  }
  return nullptr;
}

}  // namespace hone::text
