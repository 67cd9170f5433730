#include "base/config/values.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

#include "base/strings.h"

namespace hone {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Without a leading plus and without underscores between digits; nothing if an underscore stands elsewhere.
std::optional<std::string> plain_digits(std::string_view text) {
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      digits += text[i];
    } else if (i == 0 || i + 1 == text.size() || !is_digit(text[i - 1]) || !is_digit(text[i + 1])) {
      return std::nullopt;
    }
  }
  if (digits.empty() || (!is_digit(digits.back()) && digits.back() != '.')) return std::nullopt;  // "inf", "nan", "1e"
  return digits;
}

template <typename T>
std::optional<T> parse_all(const std::string& text) {
  T value{};
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](unsigned char c) { return std::tolower(c); });
  return result;
}

bool needs_quotes(const std::string& text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ' || text.front() == '-') return true;
  if (parse_number(text) || parse_bool(text) || lower(text) == "null" || lower(text) == "y" || lower(text) == "n")
    return true;
  // Hexadecimal, dates, times and ".inf": let no reader guess.
  if (is_digit(text.front()) || text.front() == '.' || text.front() == '+') {
    if (text.find_first_not_of("0123456789abcdefABCDEFxXoO:-+._TtZ infnINFN") == std::string::npos) return true;
  }
  // yaml-cpp trips over "? " inside a list, other readers over other signs: only what is surely plain stays bare.
  return !std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c >= 0x80 || std::isalnum(c) ||
           std::string_view("_./- +").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  const auto digits = plain_digits(text);
  const auto value = digits ? parse_all<double>(*digits) : std::nullopt;
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::optional<int64_t> parse_whole_number(std::string_view text) {
  const auto digits = plain_digits(text);
  if (!digits) return std::nullopt;
  if (const auto value = parse_all<int64_t>(*digits)) return value;
  const auto number = parse_number(text);
  // Beyond 2^53 a double no longer holds every whole number, so the text cannot be trusted to mean it.
  if (!number || *number != std::floor(*number) || std::abs(*number) > 0x1p53) return std::nullopt;
  return static_cast<int64_t>(*number);
}

std::optional<bool> parse_bool(std::string_view text) {
  const std::string word = lower(text);
  if (word == "true" || word == "yes" || word == "on") return true;
  if (word == "false" || word == "no" || word == "off") return false;
  return std::nullopt;
}

std::string show_number(double value) {
  char buffer[64];
  const auto [end, fault] = std::to_chars(buffer, buffer + sizeof buffer, value);
  std::string text(buffer, end);
  const size_t exponent = text.find('e');
  if (exponent != std::string::npos && text.find('.') == std::string::npos) text.insert(exponent, ".0");
  return text;
}

std::string quote_yaml(const std::string& text) {
  if (!needs_quotes(text)) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    switch (c) {
      case '"': quoted += "\\\""; break;
      case '\\': quoted += "\\\\"; break;
      case '\n': quoted += "\\n"; break;
      case '\t': quoted += "\\t"; break;
      case '\r': quoted += "\\r"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
          quoted += format("\\x%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
        } else {
          quoted += c;
        }
    }
  }
  return quoted + '"';
}

}  // namespace hone
