// Personal data that can be told by its form alone, without regular expressions: one pass over the digits and the @s.
#include <algorithm>
#include <string>

#include "cli/plain/data_facts.h"

namespace hone::cli {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_email_at(std::string_view text, size_t at) {
  if (at == 0 || !is_word(text[at - 1])) return false;
  size_t end = at + 1, dot = 0;
  while (end < text.size() && (is_word(text[end]) || text[end] == '-' || (text[end] == '.' && end > at + 1))) {
    if (text[end] == '.') dot = end;
    ++end;
  }
  return dot > at + 1 && end - dot > 2 && !is_digit(text[dot + 1]);
}

/// Digits in groups that one '-' or blank parts, e.g. "010-1234-5678".
struct Number {
  std::string digits, form;  ///< form: lengths of the groups, "3-4-4"
};

Number number_at(std::string_view text, size_t& at) {
  Number number;
  size_t group = 0;
  for (; at < text.size(); ++at) {
    if (is_digit(text[at])) {
      number.digits += text[at];
      ++group;
    } else if ((text[at] == '-' || text[at] == ' ') && at + 1 < text.size() && is_digit(text[at + 1])) {
      number.form += std::to_string(group) + "-";
      group = 0;
    } else {
      break;
    }
  }
  number.form += std::to_string(group);
  return number;
}

bool is_phone(const Number& number) {
  const std::string& d = number.digits;
  if (number.form == "11" || number.form == "3-4-4") return d.size() == 11 && d.compare(0, 3, "010") == 0;
  if (number.form == "3-3-4") return d[0] == '0';
  return (number.form == "2-3-4" || number.form == "2-4-4") && d.compare(0, 2, "02") == 0;
}

/// Six digits of the birth date, one of the century and sex, six more. Since 2020 the last has no sum to check.
bool is_resident_number(const Number& number) {
  const std::string& d = number.digits;
  if (number.form != "6-7") return false;
  const int month = std::stoi(d.substr(2, 2)), day = std::stoi(d.substr(4, 2));
  return month >= 1 && month <= 12 && day >= 1 && day <= 31 && d[6] >= '1' && d[6] <= '8';
}

/// Luhn's sum; forms as cards are printed.
bool is_card(const Number& number) {
  if (number.form != "4-4-4-4" && number.form != "16" && number.form != "4-6-5") return false;
  int sum = 0;
  for (size_t i = 0; i < number.digits.size(); ++i) {
    int digit = number.digits[number.digits.size() - 1 - i] - '0';
    if (i % 2 == 1) digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
    sum += digit;
  }
  return sum % 10 == 0 && number.digits[0] != '0';
}

}  // namespace

std::map<std::string, uint64_t> personal_data(std::string_view text) {
  std::map<std::string, uint64_t> found;
  for (size_t at = 0; at < text.size();) {
    if (text[at] == '@' && is_email_at(text, at)) ++found["email"];
    if (!is_digit(text[at]) || (at > 0 && (is_word(text[at - 1]) || text[at - 1] == '.'))) {
      ++at;
      continue;
    }
    const Number number = number_at(text, at);
    if (is_phone(number)) ++found["phone"];
    if (is_resident_number(number)) ++found["resident_number"];
    if (is_card(number)) ++found["card"];
  }
  return found;
}

}  // namespace hone::cli
