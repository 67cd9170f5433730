#include "serve/routes.h"

#include "serve/api_error.h"

namespace hone::serve {

bool is_retry(const net::Request& request) {
  const std::string* count = request.header("x-stainless-retry-count");
  return count != nullptr && *count != "0";
}

void add_route(net::Server& server, const std::string& method, const std::string& pattern, Role role,
               std::function<net::Response(net::Request&)> answer, net::RouteOptions options) {
  options.permission = static_cast<int>(role);
  const auto handle = [role, answer = std::move(answer)](net::Request&& request, net::Responder responder) {
    try {
      require(caller_of(request), role);
      responder.send(answer(request));
    } catch (...) {
      responder.send(response_to(std::current_exception()));
    }
  };
  server.route(method, pattern, handle, options);
}

void add_waiting_route(net::Server& server, const std::string& pattern, Role role,
                       std::function<void(net::Request&, net::Responder)> start, net::RouteOptions options,
                       const std::string& method) {
  options.permission = static_cast<int>(role);
  const auto handle = [role, start = std::move(start)](net::Request&& request, net::Responder responder) {
    try {
      require(caller_of(request), role);
      start(request, responder);
    } catch (...) {
      responder.send(response_to(std::current_exception()));
    }
  };
  server.route(method, pattern, handle, options);
}

}  // namespace hone::serve
