// The formats that a string can be held to, as regular expressions. Each is at most what RFC 3339, 5321, 4122 and
// 2673 allow, and only what Python's jsonschema takes too: whole years from 0001, no leap seconds.
#include <array>
#include <string>
#include <utility>

#include "generate/constraints/leaves.h"

namespace hone::generate {
namespace {

// Months of 31 and 30 days and 28 of February in any year; 29 of February in leap years.
#define HONE_DATE                                                                                      \
  "(((000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|" \
  "(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8])))|"                                     \
  "([0-9]{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)-02-29)"
#define HONE_TIME "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
#define HONE_LABEL "[A-Za-z0-9]+(-[A-Za-z0-9]+)*"
#define HONE_OCTET "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"

constexpr std::array<std::pair<std::string_view, const char*>, 6> kFormats{{
    {"date", "^" HONE_DATE "$"},
    {"date-time", "^" HONE_DATE "T" HONE_TIME "$"},
    {"email", "^[A-Za-z0-9_+-]+(\\.[A-Za-z0-9_+-]+)*@" HONE_LABEL "(\\." HONE_LABEL ")+$"},
    {"ipv4", "^" HONE_OCTET "(\\." HONE_OCTET "){3}$"},
    {"time", "^" HONE_TIME "$"},
    {"uuid", "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"},
}};

#undef HONE_DATE
#undef HONE_TIME
#undef HONE_LABEL
#undef HONE_OCTET

}  // namespace

const char* format_pattern(std::string_view format) {
  for (const auto& [name, pattern] : kFormats) {
    if (name == format) return pattern;
  }
  return nullptr;
}

}  // namespace hone::generate
