#include "text/jinja/lexer.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/strings.h"
#include "text/jinja/runtime.h"
#include "text/jinja/unicode.h"

namespace hone::text::jinja {
namespace {

bool is_digit_of(char c, int base) {
  if (base == 16) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  return c >= '0' && c < '0' + base;
}

class Lexer {
 public:
  Lexer(std::string_view source, const SyntaxOptions& options) : source_(source), options_(options) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) read_text();
    tokens_.push_back({TokenKind::kEnd, static_cast<uint32_t>(source_.size()), "", {}});
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(std::string message, size_t at) const {
    throw Fault{std::move(message), static_cast<uint32_t>(at)};
  }
  bool looking_at(std::string_view text, size_t at) const { return source_.substr(at).substr(0, text.size()) == text; }
  bool looking_at(std::string_view text) const { return looking_at(text, at_); }

  size_t skip_space(size_t at) const {
    while (at < source_.size()) {
      size_t next = at;
      if (!is_space(next_char(source_, next))) break;
      at = next;
    }
    return at;
  }

  void add(TokenKind kind, size_t at, std::string text = "") {
    tokens_.push_back({kind, static_cast<uint32_t>(at), std::move(text), {}});
  }

  /// Text up to the next opening delimiter, then what that opens.
  void read_text() {
    size_t open = at_;
    while (true) {
      open = source_.find('{', open);
      if (open == std::string_view::npos) {
        add(TokenKind::kData, at_, std::string(source_.substr(at_)));
        at_ = source_.size();
        return;
      }
      if (open + 1 < source_.size() &&
          (source_[open + 1] == '{' || source_[open + 1] == '%' || source_[open + 1] == '#'))
        break;
      ++open;
    }
    const char kind = source_[open + 1];
    size_t inside = open + 2;
    char sign = 0;
    if (inside < source_.size() && (source_[inside] == '-' || source_[inside] == '+')) sign = source_[inside++];
    add_data(at_, open, sign, kind != '{');
    at_ = inside;
    if (kind == '#') {
      skip_comment(open);
    } else if (kind == '{') {
      add(TokenKind::kVariableBegin, open);
      read_expression(open, "}}", TokenKind::kVariableEnd);
    } else if (!read_raw(open)) {
      add(TokenKind::kBlockBegin, open);
      read_expression(open, "%}", TokenKind::kBlockEnd);
    }
  }

  /// The text [begin, end) before a tag, cut as the tag's sign and lstrip_blocks ask.
  void add_data(size_t begin, size_t end, char sign, bool is_block) {
    std::string_view text = source_.substr(begin, end - begin);
    if (sign == '-') {
      text = strip(text, nullptr, false, true);
    } else if (sign != '+' && options_.lstrip_blocks && is_block) {
      const size_t line_begin = text.rfind('\n') + 1;  // npos + 1 is 0
      const std::string_view last_line = text.substr(line_begin);
      // The regular expression behind this wants at least one character of white space.
      if ((line_begin > 0 || line_starting_) && !last_line.empty() && strip(last_line, nullptr, true, false).empty()) {
        text = text.substr(0, line_begin);
      }
    }
    if (!text.empty()) add(TokenKind::kData, begin, std::string(text));
  }

  /// Moves behind a closing delimiter at `at_` and what it swallows; false when there is none.
  bool close(std::string_view delimiter, bool block) {
    if (looking_at("-") && looking_at(delimiter, at_ + 1)) {
      at_ = skip_space(at_ + 1 + delimiter.size());
    } else if (block && looking_at("+") && looking_at(delimiter, at_ + 1)) {
      at_ += 1 + delimiter.size();
    } else if (looking_at(delimiter)) {
      at_ += delimiter.size();
      if (block && options_.trim_blocks && looking_at("\n")) ++at_;
    } else {
      return false;
    }
    line_starting_ = source_[at_ - 1] == '\n';
    return true;
  }

  void skip_comment(size_t open) {
    for (; at_ < source_.size(); ++at_) {
      if (close("#}", true)) return;
    }
    fail("the comment that begins here has no end", open);
  }

  /// {% raw %} … {% endraw %}, of which `at_` is behind the sign of the opening tag.
  bool read_raw(size_t open) {
    size_t at = skip_space(at_);
    if (!looking_at("raw", at)) return false;
    at = skip_space(at + 3);
    if (looking_at("-%}", at)) {
      at = skip_space(at + 3);
    } else if (looking_at("%}", at)) {
      at += 2;
    } else {
      return false;
    }
    line_starting_ = source_[at - 1] == '\n';
    const size_t begin = at;
    for (size_t end = source_.find("{%", at); end != std::string_view::npos; end = source_.find("{%", end + 2)) {
      size_t inside = end + 2;
      char sign = 0;
      if (looking_at("-", inside) || looking_at("+", inside)) sign = source_[inside++];
      inside = skip_space(inside);
      if (!looking_at("endraw", inside)) continue;
      at_ = skip_space(inside + 6);
      const bool starts_line = line_starting_;
      if (!close("%}", true)) continue;
      const bool after = std::exchange(line_starting_, starts_line);
      add_data(begin, end, sign, true);
      line_starting_ = after;
      return true;
    }
    fail("{% raw %} has no {% endraw %}", open);
  }

  void read_expression(size_t open, std::string_view delimiter, TokenKind end_kind) {
    std::vector<char> brackets;
    while (at_ < source_.size()) {
      const size_t begin = at_;
      if (brackets.empty() && close(delimiter, end_kind == TokenKind::kBlockEnd)) {
        return add(end_kind, begin);
      }
      size_t next = at_;
      const char32_t c = next_char(source_, next);
      if (is_space(c)) {
        at_ = next;
      } else if (c >= '0' && c <= '9') {
        read_number();
      } else if (c == '_' || is_alnum(c)) {
        read_name();
      } else if (c == '"' || c == '\'') {
        read_string(static_cast<char>(c));
      } else {
        read_operator(brackets);
      }
    }
    fail(std::string("unexpected end of template, expected ") + std::string(delimiter), open);
  }

  void read_name() {
    const size_t begin = at_;
    while (at_ < source_.size()) {
      size_t next = at_;
      const char32_t c = next_char(source_, next);
      if (c != '_' && !is_alnum(c) && !is_identifier("_" + std::string(source_.substr(at_, next - at_)))) break;
      at_ = next;
    }
    const std::string name(source_.substr(begin, at_ - begin));
    if (!is_identifier(name)) fail("invalid character in identifier", begin);
    add(TokenKind::kName, begin, name);
  }

  /// Digits of `base` with single underscores between them; the end, or `at` where there are none.
  size_t digits(size_t at, int base, bool may_begin_with_underscore = false) const {
    size_t end = at;
    while (end < source_.size()) {
      const bool joined = source_[end] == '_' && (end > at || may_begin_with_underscore);
      const size_t digit = joined ? end + 1 : end;
      if (digit >= source_.size() || !is_digit_of(source_[digit], base)) break;
      end = digit + 1;
    }
    return end;
  }

  void read_number() {
    const size_t begin = at_;
    const bool after_dot = begin > 0 && source_[begin - 1] == '.';
    if (!after_dot && read_float(begin)) return;
    size_t end = begin;
    int base = 10;
    if (source_[begin] == '0' && begin + 1 < source_.size()) {
      const char mark = static_cast<char>(source_[begin + 1] | 0x20);
      base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
      if (base != 10) end = digits(begin + 2, base, true);
      if (end == begin + 2) base = 10;
    }
    if (base == 10) {
      end = digits(begin, 10);
      if (source_[begin] == '0') {  // 012 is the number 0 and then another one, as in the reference
        end = begin + 1;
        while (end < source_.size() && (source_[end] == '0' || (source_[end] == '_' && looking_at("0", end + 1))))
          ++end;
      }
    }
    at_ = end;
    add_integer(begin, base);
  }

  void add_integer(size_t begin, int base) {
    Int number = 0;
    for (size_t i = base == 10 ? begin : begin + 2; i < at_; ++i) {
      if (source_[i] == '_') continue;
      const char c = source_[i];
      const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
      if (__builtin_mul_overflow(number, Int{base}, &number) || __builtin_add_overflow(number, Int{digit}, &number)) {
        fail("this integer is too large", begin);
      }
    }
    add(TokenKind::kInteger, begin, std::string(source_.substr(begin, at_ - begin)));
    tokens_.back().number = number;
  }

  bool read_float(size_t begin) {
    size_t end = digits(begin, 10);
    const size_t whole = end;
    if (looking_at(".", end)) {
      const size_t fraction = digits(end + 1, 10);
      if (fraction > end + 1) end = fraction;
    }
    if (looking_at("e", end) || looking_at("E", end)) {
      size_t exponent = end + 1;
      if (looking_at("+", exponent) || looking_at("-", exponent)) ++exponent;
      const size_t exponent_end = digits(exponent, 10);
      if (exponent_end > exponent) end = exponent_end;
    }
    if (end == whole) return false;
    std::string text(source_.substr(begin, end - begin));
    text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
    at_ = end;
    add(TokenKind::kFloat, begin, text);
    tokens_.back().number = *parse_float(text);
    return true;
  }

  void read_operator(std::vector<char>& brackets) {
    constexpr std::string_view kOperators[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
                                               "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
    for (const std::string_view op : kOperators) {
      if (!looking_at(op)) continue;
      const char c = op[0];
      if (c == '(' || c == '[' || c == '{') brackets.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
      if (c == ')' || c == ']' || c == '}') {
        if (brackets.empty()) fail(format("unexpected '%c'", c), at_);
        if (brackets.back() != c) fail(format("unexpected '%c', expected '%c'", c, brackets.back()), at_);
        brackets.pop_back();
      }
      add(TokenKind::kOperator, at_, std::string(op));
      at_ += op.size();
      return;
    }
    size_t next = at_;
    next_char(source_, next);
    fail("unexpected character " + repr_string(source_.substr(at_, next - at_)), at_);
  }

  void read_string(char quote) {
    const size_t begin = at_++;
    std::string value;
    while (true) {
      if (at_ >= source_.size()) fail("this string has no end", begin);
      const char c = source_[at_++];
      if (c == quote) break;
      if (c != '\\') {
        value += c;
      } else if (at_ >= source_.size()) {
        fail("this string has no end", begin);
      } else {
        read_escape(value);
      }
    }
    add(TokenKind::kString, begin, std::move(value));
  }

  /// Python's unicode-escape codec; `at_` is behind the backslash.
  void read_escape(std::string& value) {
    const char c = source_[at_];
    constexpr std::string_view kNames = "abfnrtv\\'\"\n", kValues = "\a\b\f\n\r\t\v\\'\"";
    if (const size_t known = kNames.find(c); known != std::string_view::npos) {
      if (known < kValues.size()) value += kValues[known];  // backslash and line break vanish
      ++at_;
    } else if (c >= '0' && c <= '7') {
      char32_t code = 0;
      for (int i = 0; i < 3 && at_ < source_.size() && source_[at_] >= '0' && source_[at_] <= '7'; ++i) {
        code = code * 8 + static_cast<char32_t>(source_[at_++] - '0');
      }
      append_char(value, code);
    } else if (c == 'x' || c == 'u' || c == 'U') {
      read_hex_escape(value, c == 'x' ? 2 : c == 'u' ? 4 : 8);
    } else if (c == 'N') {
      fail("\\N{…} is not supported in strings; write the character itself", at_ - 1);
    } else if (static_cast<unsigned char>(c) < 0x80) {
      value += {'\\', c};
      ++at_;
    } else {  // the reference spells such a character out before it looks for escapes
      const char32_t code = next_char(source_, at_);
      const auto number = static_cast<unsigned>(code);
      value += code < 0x100     ? format("\\x%02x", number)
               : code < 0x10000 ? format("\\u%04x", number)
                                : format("\\U%08x", number);
    }
  }

  void read_hex_escape(std::string& value, size_t count) {
    const size_t begin = at_++;
    char32_t code = 0;
    for (size_t i = 0; i < count; ++i, ++at_) {
      if (at_ >= source_.size() || !is_digit_of(source_[at_], 16)) {
        fail(format("truncated \\%c escape", source_[begin]), begin - 1);
      }
      const char c = source_[at_];
      code = code * 16 + static_cast<char32_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
      fail("this escape is not a character; write the character itself", begin - 1);
    }
    append_char(value, code);
  }

  std::string_view source_;
  const SyntaxOptions& options_;
  size_t at_ = 0;
  bool line_starting_ = true;  ///< the last match ended a line
  std::vector<Token> tokens_;
};

}  // namespace

std::string normalize_source(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      text += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      text += source[i];
    }
  }
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::vector<Token> tokenize(std::string_view normalized, const SyntaxOptions& options) {
  return Lexer(normalized, options).run();
}

std::pair<size_t, size_t> line_and_column(std::string_view normalized, size_t at) {
  const std::string_view before = normalized.substr(0, std::min(at, normalized.size()));
  const size_t line_begin = before.rfind('\n') + 1;
  return {static_cast<size_t>(std::count(before.begin(), before.end(), '\n')) + 1,
          char_count(before.substr(line_begin)) + 1};
}

}  // namespace hone::text::jinja
