#include "serve/loopback.h"

#include <algorithm>

#include "base/strings.h"

namespace hone::serve {
namespace {

/// "[::1]:8000" -> "::1", "localhost:8000" -> "localhost"
std::string_view without_port(std::string_view authority) {
  if (starts_with(authority, "[")) return authority.substr(1, authority.find(']') - 1);
  return authority.substr(0, authority.rfind(':'));
}

bool is_from_loopback(std::string_view origin) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (starts_with(origin, scheme)) return is_loopback(without_port(origin.substr(scheme.size())));
  }
  return false;  // "null" too: a page from a file or in a sandbox
}

}  // namespace

bool is_loopback(std::string_view host) {
  const bool numbers = host.find_first_not_of("0123456789.") == std::string_view::npos;
  return (numbers && starts_with(host, "127.")) || host == "::1" || host == "localhost";
}

bool comes_from_here(const net::Request& head) {
  const std::string *host = head.header("host"), *origin = head.header("origin"), *site = head.header("sec-fetch-site");
  return (host == nullptr || is_loopback(without_port(*host))) && (origin == nullptr || is_from_loopback(*origin)) &&
         (site == nullptr || *site != "cross-site");
}

}  // namespace hone::serve
