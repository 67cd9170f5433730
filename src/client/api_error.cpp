#include "client/api_error.h"

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"

namespace hone::client {
namespace {

struct Said {
  std::string message, param, code;
  bool known_shape = false;  // {"error": {"message": …}}
};

std::string text(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : to_line(*found);  // some servers have numbers for codes
}

Said read(const net::ClientAnswer& answer) {
  Said said;
  const Json document = Json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  if (document.is_object()) {
    const auto error = document.find("error");
    if (error != document.end() && error->is_object()) {
      said = {text(*error, "message"), text(*error, "param"), text(*error, "code"), true};
    } else {
      for (const char* name : {"error", "message", "detail"}) {
        if (said.message.empty()) said.message = text(document, name);
      }
    }
  }
  if (said.message.empty()) said.message = excerpt(trim(answer.body), 200);
  if (said.message.empty()) said.message = "no explanation";
  return said;
}

std::string remedy(const Endpoint& endpoint, const Said& said, const net::ClientAnswer& answer) {
  switch (answer.status) {
    case 401:
      return endpoint.api_key.empty() ? "set OPENAI_API_KEY (hone serve shows its key at the first start)"
                                      : "the key in " + endpoint.key_source +
                                            " is not one of this server's: set OPENAI_API_KEY to one that is";
    case 403: return "use a key whose role allows it: OPENAI_API_KEY";
    case 404: return said.known_shape ? "" : "check the base URL; as a rule it ends in /v1";
    case 429: {
      const std::string* after = answer.header("retry-after");
      return after == nullptr ? "try again later" : "try again after " + excerpt(*after, 40) + " s";
    }
    default: break;
  }
  if (answer.status >= 500) return "try again; the log of the server says more";
  const std::string* there = answer.status < 400 ? answer.header("location") : nullptr;
  return there == nullptr ? "" : "it redirects to " + excerpt(*there, 120) + ": give that as --base-url if it is right";
}

std::string without(std::string text, const std::string& secret) {
  constexpr size_t kShortest = 4;  // what is shorter may be part of any word
  if (secret.size() < kShortest) return text;
  for (size_t at = 0; (at = text.find(secret, at)) != std::string::npos;) text.replace(at, secret.size(), "…");
  return text;
}

}  // namespace

ApiError api_error(const Endpoint& endpoint, const std::string& path, const net::ClientAnswer& answer) {
  const Said said = read(answer);
  const bool passing = answer.status == 408 || answer.status == 409 || answer.status == 429 || answer.status >= 500;
  std::vector<std::string> details{"status " + std::to_string(answer.status)};
  if (!said.code.empty()) details.push_back(said.code);
  if (!said.param.empty()) details.push_back("parameter " + said.param);
  const std::string message = excerpt(without(said.message, endpoint.api_key), 1000);
  return {Error(passing ? ErrorKind::kFailure : ErrorKind::kInput, endpoint.base_url + path,
                message + " (" + without(join(details, ", "), endpoint.api_key) + ")",
                without(remedy(endpoint, said, answer), endpoint.api_key)),
          answer.status, said.code};
}

}  // namespace hone::client
