// Where a server is, and the key for it.
#pragma once
#include <string>

namespace hone::client {

struct Endpoint {
  std::string base_url;      ///< ends without a slash, as a rule in /v1
  std::string api_key;       ///< "" for none; never shown
  std::string key_source;    ///< "--api-key" or "OPENAI_API_KEY", for messages; "" without a key
  std::string certificates;  ///< PEM file of further certificates to trust; "" for none
};

/// What is given, else OPENAI_BASE_URL and OPENAI_API_KEY, else hone serve's own address and no key. Throws Error for
/// an address that is none, or that holds a password (it would stand in messages).
Endpoint endpoint_from(const std::string& base_url, const std::string& api_key);

/// One segment of a path: everything but letters, digits and -._~: as %XX. Throws Error for "", "." and "..", which
/// would name another resource.
std::string path_segment(const std::string& id);

}  // namespace hone::client
