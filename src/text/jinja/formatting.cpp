// "%s" % x, "{}".format(x) and format(x, spec), as Python writes them.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "base/strings.h"
#include "text/jinja/runtime.h"
#include "text/jinja/text_tools.h"
#include "text/jinja/unicode.h"

namespace hone::text::jinja {
namespace {

constexpr Int kMaxPrecision = 1000;

double number_of(Runtime& runtime, const Value& value) {
  if (value.is_float()) return value.as_float();
  if (value.is_integral()) return static_cast<double>(value.as_int());
  if (value.is_undefined()) runtime.fail(*value.as_undefined().message);
  runtime.fail(format("a number is needed to format, not '%s'", value.type_name()));
}

std::string ascii(const std::string& text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_char(text, at);
    if (c < 0x80) {
      out += static_cast<char>(c);
    } else {
      out += format(c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", static_cast<unsigned>(c));
    }
  }
  return out;
}

/// Digits of |number| in a base, without prefix.
std::string digits_of(Int number, int base, bool capitals) {
  __extension__ using Unsigned = unsigned __int128;
  Unsigned rest = number < 0 ? -static_cast<Unsigned>(number) : static_cast<Unsigned>(number);
  std::string digits;
  do {
    digits +=
        (capitals ? "0123456789ABCDEF" : "0123456789abcdef")[static_cast<int>(rest % static_cast<unsigned>(base))];
    rest /= static_cast<unsigned>(base);
  } while (rest != 0);
  std::reverse(digits.begin(), digits.end());
  return digits;
}

/// |number| by printf's e, f or g.
std::string real_digits(double number, char type, int precision, bool alternate) {
  const std::string pattern = std::string("%") + (alternate ? "#" : "") + ".*" + type;
  char buffer[1500];
  // The pattern is put together from characters that were checked.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  std::snprintf(buffer, sizeof buffer, pattern.c_str(), precision, std::fabs(number));
#pragma GCC diagnostic pop
  return buffer;
}

// ---- % ------------------------------------------------------------------------------------------------

class PercentFormatter {
 public:
  PercentFormatter(Runtime& runtime, const std::string& pattern, const Value& arguments)
      : runtime_(runtime), pattern_(pattern), arguments_(arguments) {}

  std::string run() {
    while (at_ < pattern_.size()) {
      const size_t percent = pattern_.find('%', at_);
      runtime_.append(out_, std::string_view(pattern_).substr(at_, percent - at_));
      if (percent == std::string::npos) break;
      at_ = percent + 1;
      directive();
    }
    const bool all_used = arguments_.is_tuple() ? next_ >= arguments_.as_items()->values.size() : next_ > 0;
    if (!all_used && !arguments_.is_dict() && !used_names_ && !arguments_.is_undefined() && !arguments_.is_list()) {
      runtime_.fail("not all arguments converted during string formatting");
    }
    return std::move(out_);
  }

 private:
  char peek() {
    if (at_ >= pattern_.size()) runtime_.fail("incomplete format");
    return pattern_[at_];
  }

  const Value& next_argument() {
    if (arguments_.is_tuple()) {
      const auto& items = arguments_.as_items()->values;
      if (next_ >= items.size()) runtime_.fail("not enough arguments for format string");
      return items[next_++];
    }
    if (next_++ > 0) runtime_.fail("not enough arguments for format string");
    return arguments_;
  }

  Int read_number(const char* what) {
    if (peek() == '*') {
      ++at_;
      const Value& value = next_argument();
      if (!value.is_integral()) runtime_.fail("* wants int");
      return value.as_int();
    }
    Int number = 0;
    while (peek() >= '0' && peek() <= '9') {
      number = number * 10 + (pattern_[at_++] - '0');
      if (number > static_cast<Int>(runtime_.limits.string_bytes)) runtime_.fail(std::string(what) + " too big");
    }
    return number;
  }

  void directive() {
    std::optional<Value> named;
    if (peek() == '(') {
      const size_t begin = ++at_;
      for (int depth = 1; depth > 0; ++at_) depth += peek() == '(' ? 1 : peek() == ')' ? -1 : 0;
      if (!arguments_.is_dict()) runtime_.fail("format requires a mapping");
      const std::string key = pattern_.substr(begin, at_ - 1 - begin);
      const Value* value = arguments_.as_dict()->find(key);
      if (value == nullptr) runtime_.fail("no key " + repr_string(key) + " to format");
      named = *value;
      used_names_ = true;
    }
    bool left = false, zero = false, alternate = false;
    char sign = 0;
    for (bool more = true; more;) {
      switch (peek()) {
        case '-': left = true; break;
        case '+': sign = '+'; break;
        case ' ': sign = sign == '+' ? sign : ' '; break;
        case '#': alternate = true; break;
        case '0': zero = true; break;
        default: more = false;
      }
      if (more) ++at_;
    }
    Int width = read_number("width");
    if (width < 0) {
      left = true;
      width = -width;
    }
    Int precision = -1;
    if (peek() == '.') {
      ++at_;
      precision = std::max(read_number("precision"), Int{0});
    }
    if (peek() == 'l' || peek() == 'h' || peek() == 'L') ++at_;
    const char type = peek();
    ++at_;
    if (type == '%') return runtime_.append(out_, "%");
    const Value value = named ? *named : next_argument();
    write(value, type, {left, zero, alternate, sign, width, precision});
  }

  struct Flags {
    bool left, zero, alternate;
    char sign;
    Int width, precision;
  };

  void write(const Value& value, char type, Flags flags) {
    std::string prefix, body;  // the sign and 0x come before the zeros
    bool numeric = true;
    switch (type) {
      case 's':
      case 'r':
      case 'a': {
        numeric = false;
        body = type == 's' ? str(runtime_, value) : repr(runtime_, value);
        if (type == 'a') body = ascii(body);
        if (flags.precision >= 0) {
          const Int keep = std::min(flags.precision, static_cast<Int>(body.size()));
          body = body.substr(0, byte_of_char(body, static_cast<size_t>(keep)));
        }
        break;
      }
      case 'c': {
        numeric = false;
        if (value.is_string() && char_count(value.as_string()) == 1) {
          body = value.as_string();
        } else if (value.is_integral() && value.as_int() >= 0 && value.as_int() < 0x110000) {
          append_char(body, static_cast<char32_t>(value.as_int()));
        } else {
          runtime_.fail("%c requires int or char");
        }
        break;
      }
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o': {
        const bool decimal = type == 'd' || type == 'i' || type == 'u';
        if (!value.is_integral() && !(decimal && value.is_float())) {
          runtime_.fail(format("%%%c format: an integer is required, not %s", type, value.type_name()));
        }
        const Int number = value.is_float() ? truncate(runtime_, value.as_float()) : value.as_int();
        prefix = number < 0 ? "-" : flags.sign != 0 ? std::string(1, flags.sign) : "";
        body = digits_of(number, decimal ? 10 : type == 'o' ? 8 : 16, type == 'X');
        if (flags.precision > static_cast<Int>(body.size())) {
          body = fill_text(runtime_, body, flags.precision, "0", Alignment::kRight);
        }
        if (flags.alternate && !decimal) prefix += type == 'o' ? "0o" : type == 'x' ? "0x" : "0X";
        break;
      }
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G': {
        const double number = number_of(runtime_, value);
        if (flags.precision > kMaxPrecision) runtime_.fail("precision too big");
        prefix = std::signbit(number) && !std::isnan(number) ? "-" : flags.sign != 0 ? std::string(1, flags.sign) : "";
        body = real_digits(number, type, flags.precision < 0 ? 6 : static_cast<int>(flags.precision), flags.alternate);
        if (std::isnan(number)) body = type >= 'a' ? "nan" : "NAN";
        break;
      }
      default: runtime_.fail(format("unsupported format character '%c'", type));
    }
    if (flags.width < 0 || flags.width > static_cast<Int>(runtime_.limits.string_bytes)) runtime_.fail("width too big");
    if (numeric && flags.zero && !flags.left) {
      const Int inner = flags.width - static_cast<Int>(prefix.size());
      body = fill_text(runtime_, body, inner, "0", Alignment::kRight);
    }
    runtime_.append(
        out_, fill_text(runtime_, prefix + body, flags.width, " ", flags.left ? Alignment::kLeft : Alignment::kRight));
  }

  Runtime& runtime_;
  const std::string& pattern_;
  const Value& arguments_;
  std::string out_;
  size_t at_ = 0, next_ = 0;
  bool used_names_ = false;
};

// ---- format specifications -------------------------------------------------------------------------------

/// [[fill]align][sign][z][#][0][width][grouping][.precision][type]
struct Specification {
  std::string fill = " ";
  char align = 0, sign = '-', grouping = 0, type = 0;
  bool alternate = false;
  Int width = 0, precision = -1;
};

Specification read_specification(Runtime& runtime, std::string_view text) {
  Specification spec;
  size_t at = 0;
  const auto is_align = [](char c) { return c == '<' || c == '>' || c == '=' || c == '^'; };
  const auto number = [&] {
    Int value = 0;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
      value = value * 10 + (text[at++] - '0');
      if (value > static_cast<Int>(runtime.limits.string_bytes))
        runtime.fail("too many decimal digits in format string");
    }
    return value;
  };
  if (!text.empty()) {
    size_t after = 0;
    next_char(text, after);
    if (after < text.size() && is_align(text[after])) {
      spec.fill = text.substr(0, after);
      spec.align = text[after];
      at = after + 1;
    } else if (is_align(text[0])) {
      spec.align = text[at++];
    }
  }
  if (at < text.size() && (text[at] == '+' || text[at] == '-' || text[at] == ' ')) spec.sign = text[at++];
  if (at < text.size() && text[at] == '#') {
    spec.alternate = true;
    ++at;
  }
  if (at < text.size() && text[at] == '0') {
    if (spec.align == 0) {
      spec.align = '=';
      spec.fill = "0";
    }
    ++at;
  }
  spec.width = number();
  if (at < text.size() && (text[at] == ',' || text[at] == '_')) spec.grouping = text[at++];
  if (at < text.size() && text[at] == '.') {
    const size_t digits = ++at;
    spec.precision = number();
    if (at == digits) runtime.fail("format specifier missing precision");
  }
  if (at < text.size()) spec.type = text[at++];
  if (at < text.size()) runtime.fail("invalid format specifier '" + std::string(text) + "'");
  return spec;
}

/// Puts `mark` between groups of `size` digits, counted from the right.
std::string group(const std::string& digits, char mark, size_t size) {
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % size == 0) out += mark;
    out += digits[i];
  }
  return out;
}

std::string align(Runtime& runtime, const Specification& spec, const std::string& prefix, std::string body,
                  char otherwise) {
  const char how = spec.align != 0 ? spec.align : otherwise;
  if (how == '=')
    return prefix +
           fill_text(runtime, body, spec.width - static_cast<Int>(char_count(prefix)), spec.fill, Alignment::kRight);
  body = prefix + body;
  if (how == '<') return fill_text(runtime, body, spec.width, spec.fill, Alignment::kLeft);
  if (how == '>') return fill_text(runtime, body, spec.width, spec.fill, Alignment::kRight);
  const auto missing = spec.width - static_cast<Int>(char_count(body));  // ^ puts the odd one on the right
  if (missing <= 0) return body;
  const std::string half = fill_text(runtime, body, spec.width - (missing - missing / 2), spec.fill, Alignment::kRight);
  return fill_text(runtime, half, spec.width, spec.fill, Alignment::kLeft);
}

std::string sign_of(const Specification& spec, bool negative) {
  return negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
}

/// Zeros that fill a grouped number take part in the grouping.
std::string grouped(Runtime& runtime, const Specification& spec, std::string whole, size_t prefix, size_t rest,
                    size_t size) {
  if (spec.grouping == 0) return whole;
  std::string text = group(whole, spec.grouping, size);
  if (spec.align != '=' || spec.fill != "0") return text;
  while (static_cast<Int>(prefix + text.size() + rest) < spec.width) {
    runtime.spend(1 + whole.size() / 16);
    whole.insert(0, "0");
    text = group(whole, spec.grouping, size);
    if (static_cast<Int>(whole.size()) > 4096) runtime.fail("width too big");
  }
  return text;
}

std::string format_int(Runtime& runtime, Int number, const Specification& spec) {
  if (spec.precision >= 0) runtime.fail("precision not allowed in integer format specifier");
  if (spec.type == 'c') {
    std::string text;
    if (number < 0 || number > 0x10FFFF) runtime.fail("%c arg not in range(0x110000)");
    append_char(text, static_cast<char32_t>(number));
    return align(runtime, spec, "", text, '<');
  }
  const int base = spec.type == 'b' ? 2 : spec.type == 'o' ? 8 : spec.type == 'x' || spec.type == 'X' ? 16 : 10;
  if (base != 10 && spec.grouping == ',') runtime.fail(format("cannot specify ',' with '%c'", spec.type));
  std::string prefix = sign_of(spec, number < 0);
  if (spec.alternate && base != 10) prefix += std::string("0") + spec.type;
  const std::string body =
      grouped(runtime, spec, digits_of(number, base, spec.type == 'X'), prefix.size(), 0, base == 10 ? 3 : 4);
  return align(runtime, spec, prefix, body, '>');
}

std::string format_float(Runtime& runtime, double number, const Specification& spec) {
  if (spec.precision > kMaxPrecision) runtime.fail("precision too big");
  const std::string prefix = sign_of(spec, std::signbit(number) && !std::isnan(number));
  std::string body;
  char type = spec.type;
  if (type == '%') number *= 100;
  if (std::isnan(number) || std::isinf(number)) {
    body = std::isnan(number) ? "nan" : "inf";
    if (type == 'E' || type == 'F' || type == 'G') body = upper(body);
  } else if (type == 0 && spec.precision < 0) {
    body = repr_float(std::fabs(number));
  } else {
    const bool general = type == 0 || type == 'n';
    if (general) type = 'g';
    if (type == '%') type = 'f';
    body = real_digits(number, type, spec.precision < 0 ? 6 : static_cast<int>(spec.precision), spec.alternate);
    // Without a type the result shows at least one digit after the point.
    const bool plain = body.find_first_of(".e") == std::string::npos;
    if (spec.type == 0 && plain) {
      const bool fits = spec.precision < 0 || static_cast<Int>(body.size()) < std::max(spec.precision, Int{1});
      body =
          fits ? body + ".0" : real_digits(number, 'e', static_cast<int>(std::max(spec.precision, Int{1}) - 1), false);
    }
  }
  if (spec.type == '%') body += "%";
  const size_t point = std::min(body.find_first_of(".e%"), body.size());
  const std::string rest = body.substr(point);
  if (std::isfinite(number)) {
    body = grouped(runtime, spec, body.substr(0, point), prefix.size(), rest.size(), 3) + rest;
  }
  return align(runtime, spec, prefix, body, '>');
}

// ---- {} ---------------------------------------------------------------------------------------------------

class BraceFormatter {
 public:
  BraceFormatter(Runtime& runtime, const Arguments& arguments) : runtime_(runtime), arguments_(arguments) {}

  std::string run(std::string_view pattern, int depth) {
    if (depth < 0) runtime_.fail("max string recursion exceeded");
    std::string out;
    for (size_t at = 0; at < pattern.size();) {
      const char c = pattern[at];
      if (c != '{' && c != '}') {
        const size_t end = std::min(pattern.find_first_of("{}", at), pattern.size());
        runtime_.append(out, pattern.substr(at, end - at));
        at = end;
      } else if (at + 1 < pattern.size() && pattern[at + 1] == c) {
        runtime_.append(out, std::string_view(&c, 1));
        at += 2;
      } else if (c == '}') {
        runtime_.fail("single '}' encountered in format string");
      } else {
        const size_t begin = ++at;
        for (int open = 1; open > 0; ++at) {
          if (at >= pattern.size()) runtime_.fail("expected '}' before end of string");
          open += pattern[at] == '{' ? 1 : pattern[at] == '}' ? -1 : 0;
        }
        runtime_.append(out, field(pattern.substr(begin, at - 1 - begin), depth));
      }
    }
    return out;
  }

 private:
  std::string field(std::string_view text, int depth) {
    size_t end = 0;
    while (end < text.size() && text[end] != '!' && text[end] != ':') {
      if (text[end] == '[') {
        while (end < text.size() && text[end] != ']') ++end;
      } else {
        ++end;
      }
    }
    end = std::min(end, text.size());
    Value value = look_up(text.substr(0, end));
    if (end < text.size() && text[end] == '!') {
      if (end + 1 >= text.size()) runtime_.fail("end of string while looking for conversion specifier");
      const char conversion = text[end + 1];
      end += 2;
      if (conversion == 's') {
        value = str(runtime_, value);
      } else if (conversion == 'r') {
        value = repr(runtime_, value);
      } else if (conversion == 'a') {
        value = ascii(repr(runtime_, value));
      } else {
        runtime_.fail("unknown conversion specifier");
      }
      if (end < text.size() && text[end] != ':') runtime_.fail("expected ':' after conversion specifier");
    }
    const std::string spec = end < text.size() ? run(text.substr(end + 1), depth - 1) : "";
    return format_value(runtime_, value, spec);
  }

  Value look_up(std::string_view name) {
    size_t end = std::min(name.find_first_of(".["), name.size());
    const std::string_view first = name.substr(0, end);
    Value value = argument(first);
    while (end < name.size()) {
      if (name[end] == '.') {
        const size_t begin = end + 1;
        end = std::min(name.find_first_of(".[", begin), name.size());
        if (begin == end) runtime_.fail("empty attribute in format string");
        value = get_attribute(runtime_, value, name.substr(begin, end - begin));
      } else {
        const size_t begin = end + 1, close = name.find(']', begin);
        if (name[end] != '[' || close == std::string_view::npos) runtime_.fail("missing ']' in format string");
        if (close == begin) runtime_.fail("empty attribute in format string");
        const std::string_view key = name.substr(begin, close - begin);
        const bool number = key.size() < 18 && key.find_first_not_of("0123456789") == std::string_view::npos;
        value = get_item(runtime_, value, number ? Value(*parse_int(runtime_, key, 10)) : Value(key));
        end = close + 1;
      }
    }
    return value;
  }

  Value argument(std::string_view name) {
    const bool number = name.find_first_not_of("0123456789") == std::string_view::npos;
    if (number) {
      if (name.empty() ? manual_ : automatic_) {
        runtime_.fail("cannot switch between manual field specification and automatic field numbering");
      }
      (name.empty() ? automatic_ : manual_) = true;
      const Int index = name.empty()       ? static_cast<Int>(next_++)
                        : name.size() < 18 ? *parse_int(runtime_, name, 10)
                                           : Int{1} << 62;
      if (index >= static_cast<Int>(arguments_.positional.size())) {
        runtime_.fail("replacement index " + int_to_string(index) + " out of range for positional args");
      }
      return arguments_.positional[static_cast<size_t>(index)];
    }
    for (const auto& [key, value] : arguments_.named) {
      if (key == name) return value;
    }
    runtime_.fail("no key " + repr_string(name) + " to format");
  }

  Runtime& runtime_;
  const Arguments& arguments_;
  size_t next_ = 0;
  bool manual_ = false, automatic_ = false;
};

}  // namespace

std::string format_percent(Runtime& runtime, const std::string& pattern, const Value& arguments) {
  return PercentFormatter(runtime, pattern, arguments).run();
}

std::string format_braces(Runtime& runtime, const std::string& pattern, const Arguments& arguments) {
  return BraceFormatter(runtime, arguments).run(pattern, 1);
}

std::string format_value(Runtime& runtime, const Value& value, std::string_view text) {
  if (text.empty()) return str(runtime, value);
  const Specification spec = read_specification(runtime, text);
  const std::string kinds = value.is_float() ? "eEfFgGn%" : value.is_integral() ? "bcdoxXneEfFgG%" : "s";
  if (!value.is_number() && !value.is_string()) {
    runtime.fail(format("unsupported format string passed to %s.__format__", value.type_name()));
  }
  if (spec.type != 0 && kinds.find(spec.type) == std::string::npos) {
    runtime.fail(format("unknown format code '%c' for object of type '%s'", spec.type, value.type_name()));
  }
  if (value.is_string()) {
    if (spec.align == '=' && spec.fill != "0") runtime.fail("'=' alignment not allowed in string format specifier");
    if (spec.sign != '-' || spec.alternate || spec.grouping != 0) runtime.fail("invalid format specifier for a string");
    std::string body = value.as_string();
    if (spec.precision >= 0) {
      body = body.substr(0, byte_of_char(body, static_cast<size_t>(spec.precision)));
    }
    Specification left = spec;
    if (left.align == '=') left.align = '<';
    return align(runtime, left, "", body, '<');
  }
  const bool real = value.is_float() || (spec.type != 0 && std::string("eEfFgG%").find(spec.type) != std::string::npos);
  return real ? format_float(runtime, number_of(runtime, value), spec) : format_int(runtime, value.as_int(), spec);
}

}  // namespace hone::text::jinja
