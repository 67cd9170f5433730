#include "client/endpoint.h"

#include <cstdlib>

#include "base/error.h"
#include "base/strings.h"

namespace hone::client {
namespace {

constexpr const char* kOwnServer = "http://127.0.0.1:8000/v1";

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : std::string(trim(value));
}

}  // namespace

Endpoint endpoint_from(const std::string& base_url, const std::string& api_key) {
  Endpoint endpoint;
  endpoint.base_url = base_url.empty() ? environment("OPENAI_BASE_URL") : base_url;
  const std::string place = base_url.empty() ? "OPENAI_BASE_URL" : "--base-url";
  if (endpoint.base_url.empty()) endpoint.base_url = kOwnServer;
  const size_t scheme = endpoint.base_url.find("://");
  const std::string host = scheme == std::string::npos ? "" : endpoint.base_url.substr(scheme + 3);
  // Before anything is shown of it.
  if (host.substr(0, host.find('/')).find('@') != std::string::npos)
    fail_input(place, "holds a user or password", "leave it out; the key stands in OPENAI_API_KEY");
  if (!starts_with(endpoint.base_url, "http://") && !starts_with(endpoint.base_url, "https://"))
    fail_input(place, "\"" + excerpt(endpoint.base_url, 80) + "\" is no address of a service",
               "it begins with http:// or https://, e.g. " + std::string(kOwnServer));
  if (endpoint.base_url.find_first_of("?# \t\r\n") != std::string::npos)
    fail_input(place, "\"" + excerpt(endpoint.base_url, 80) + "\" has more than scheme, host and path");
  while (ends_with(endpoint.base_url, "/")) endpoint.base_url.pop_back();
  endpoint.api_key = api_key.empty() ? environment("OPENAI_API_KEY") : std::string(trim(api_key));
  if (!endpoint.api_key.empty()) endpoint.key_source = api_key.empty() ? "OPENAI_API_KEY" : "--api-key";
  return endpoint;
}

std::string path_segment(const std::string& id) {
  if (id.empty() || id == "." || id == "..") fail_input("\"" + id + "\"", "is no id");
  std::string text;
  for (const char c : id) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~:").find(c) != std::string_view::npos;
    text += plain ? std::string(1, c) : format("%%%02X", static_cast<unsigned char>(c));
  }
  return text;
}

}  // namespace hone::client
