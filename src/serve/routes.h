// A route of the service: which role it needs, and a function whose exceptions become the API's errors.
#pragma once
#include <functional>
#include <string>

#include "net/server.h"
#include "serve/keys.h"

namespace hone::serve {

/// Whether the client says that it has sent this before and got no answer (openai-python counts its tries).
bool is_retry(const net::Request& request);

/// For what can be answered at once.
void add_route(net::Server& server, const std::string& method, const std::string& pattern, Role role,
               std::function<net::Response(net::Request&)> answer, net::RouteOptions options = {});
/// For what a model answers, later and from another thread. What it throws is answered here.
void add_waiting_route(net::Server& server, const std::string& pattern, Role role,
                       std::function<void(net::Request&, net::Responder)> start, net::RouteOptions options = {},
                       const std::string& method = "POST");

}  // namespace hone::serve
