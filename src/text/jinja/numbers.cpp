// int(), float() and round() of Python.
#include "text/jinja/numbers.h"

#include <cmath>
#include <cstdlib>
#include <string>

#include "text/jinja/unicode.h"

namespace hone::text::jinja {
namespace {

/// The text with digits of any script as 0 to 9 and without white space around it.
std::string plain_digits(std::string_view text) {
  text = strip(text, nullptr, true, true);
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_char(text, at);
    append_char(out, c >= 0x80 && is_decimal(c) ? static_cast<char32_t>('0' + decimal_value(c)) : c);
  }
  return out;
}

/// Removes single underscores between digits; nothing when one stands elsewhere.
std::optional<std::string> without_underscores(std::string_view text) {
  std::string out;
  const auto is_digit_at = [&](size_t i) {
    return i < text.size() && std::isalnum(static_cast<unsigned char>(text[i]));
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
    } else if (i == 0 || !is_digit_at(i - 1) || !is_digit_at(i + 1)) {
      return std::nullopt;
    }
  }
  return out;
}

}  // namespace

std::optional<Int> parse_int(Runtime& runtime, std::string_view source, int base) {
  runtime.spend_bytes(source.size());
  const std::string digits_only = plain_digits(source);
  std::string_view text = digits_only;
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  int given = 10;
  bool prefixed = false;
  if (text.size() >= 2 && text[0] == '0') {
    const char mark = static_cast<char>(text[1] | 0x20);
    given = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
    prefixed = given != 10 && (base == 0 || base == given);
  }
  if (prefixed) {
    text.remove_prefix(text.size() > 2 && text[2] == '_' ? 3 : 2);
  }
  const bool automatic = base == 0;
  if (automatic) base = prefixed ? given : 10;
  const auto digits = without_underscores(text);
  if (!digits || digits->empty()) return std::nullopt;
  if (automatic && !prefixed && (*digits)[0] == '0' && digits->find_first_not_of('0') != std::string::npos)
    return std::nullopt;
  Int number = 0;
  for (const char c : *digits) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 10
                      : c >= 'A' && c <= 'Z' ? c - 'A' + 10
                                             : 99;
    if (digit >= base) return std::nullopt;
    if (__builtin_mul_overflow(number, Int{base}, &number) || __builtin_add_overflow(number, Int{digit}, &number)) {
      runtime.fail("this integer is too large");
    }
  }
  return negative ? -number : number;
}

std::optional<double> parse_float(std::string_view text) {
  const auto plain = without_underscores(plain_digits(text));
  if (!plain || plain->empty()) return std::nullopt;
  std::string lowered;
  for (const char c : *plain) lowered += static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  const std::string bare = lowered[0] == '-' || lowered[0] == '+' ? lowered.substr(1) : lowered;
  const bool named = bare == "inf" || bare == "infinity" || bare == "nan";
  // strtod also takes hexadecimal and nan(...), which Python does not.
  if (!named && bare.find_first_not_of("0123456789.e+-") != std::string::npos) return std::nullopt;
  char* end = nullptr;
  const double number = std::strtod(lowered.c_str(), &end);
  if (end != lowered.c_str() + lowered.size()) return std::nullopt;
  return number;
}

Int truncate(Runtime& runtime, double number) {
  if (std::isnan(number)) runtime.fail("cannot convert float NaN to integer");
  if (std::isinf(number)) runtime.fail("cannot convert float infinity to integer");
  if (std::fabs(number) >= 0x1p126) runtime.fail("this integer is too large");
  return static_cast<Int>(number);
}

/// Correctly rounded in decimal, halves to even, as CPython's float.__round__ with a digit count.
double round_float(double number, Int digits) {
  if (!std::isfinite(number) || digits > 400) return number;
  if (digits < -310) return std::copysign(0.0, number);
  if (digits >= 0) {
    char buffer[800];
    std::snprintf(buffer, sizeof buffer, "%.*f", static_cast<int>(digits), number);
    return std::strtod(buffer, nullptr);
  }
  // Exact decimal digits of the whole number, cut and rounded by hand.
  char buffer[800];
  std::snprintf(buffer, sizeof buffer, "%.0f", std::trunc(std::fabs(number)));
  std::string text(buffer);
  const auto cut = static_cast<size_t>(-digits);
  if (text.size() < cut) return std::copysign(0.0, number);
  text.insert(0, "0");
  const size_t keep = text.size() - cut;
  const std::string rest = text.substr(keep);
  std::string kept = text.substr(0, keep);
  const bool some_fraction = std::trunc(number) != number || rest.find_first_not_of('0', 1) != std::string::npos;
  const bool up = rest[0] > '5' || (rest[0] == '5' && (some_fraction || (kept.back() - '0') % 2 == 1));
  if (up) {
    size_t i = kept.size();
    while (i > 0 && kept[i - 1] == '9') kept[--i] = '0';
    if (i > 0) ++kept[i - 1];
  }
  return std::copysign(std::strtod((kept + std::string(cut, '0')).c_str(), nullptr), number);
}

Int round_int(Runtime& runtime, Int number, Int digits) {
  if (digits >= 0) return number;
  if (digits < -38) return 0;
  Int unit = 1;
  for (Int i = digits; i < 0; ++i) unit *= 10;
  Int rest = number % unit;
  if (rest < 0) rest += unit;
  Int rounded = number - rest;
  const bool odd = (rounded / unit) % 2 != 0;
  if ((rest > unit - rest || (rest == unit - rest && odd)) && __builtin_add_overflow(rounded, unit, &rounded)) {
    runtime.fail("this integer is too large");
  }
  return rounded;
}

}  // namespace hone::text::jinja
