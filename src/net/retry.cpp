// Whether and when openai-python tries again (its _base_client.py as of 2.54 is what servers are tuned to).
#include <curl/curl.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "net/client.h"

namespace hone::net {
namespace {

constexpr double kFirst = 0.5, kMost = 8, kMostAsked = 120;

const std::string* find(const Fields& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key == name) return &value;
  }
  return nullptr;
}

/// A number that is the whole text, or NaN.
double number_of(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return text.empty() || *end != '\0' ? std::nan("") : value;
}

/// What the server asks for, or NaN.
double asked_seconds(const Fields& headers, int64_t now) {
  if (const std::string* text = find(headers, "retry-after-ms")) {
    const double value = number_of(*text) / 1000;
    if (std::isfinite(value)) return value;
  }
  const std::string* text = find(headers, "retry-after");
  if (text == nullptr) return std::nan("");
  const double value = number_of(*text);
  if (std::isfinite(value)) return value;
  const time_t date = curl_getdate(text->c_str(), nullptr);
  return date < 0 ? std::nan("") : static_cast<double>(date - now);
}

}  // namespace

double retry_seconds(int status, const Fields& headers, int attempt, double random, int64_t now) {
  bool again = status == 0 || status == 408 || status == 409 || status == 429 || status >= 500;
  if (const std::string* decided = find(headers, "x-should-retry")) {
    if (*decided == "true") again = true;
    if (*decided == "false") again = false;
  }
  if (!again) return -1;
  const double asked = asked_seconds(headers, now);
  if (asked > kMostAsked) return -1;
  if (asked > 0) return asked;
  return std::min(kFirst * std::pow(2.0, attempt), kMost) * (1 - 0.25 * random);
}

}  // namespace hone::net
