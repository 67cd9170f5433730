// The query of a list and its answer, in OpenAI's form.
#pragma once
#include <nlohmann/json_fwd.hpp>

#include "net/message.h"
#include "serve/records.h"

namespace hone::serve {

/// `after`, `limit` (1 to `most`) and `order` of the query; throws ApiError.
PageRequest page_request(const net::Request& request, int64_t limit, int64_t most);
/// {"object": "list", "data": […], "first_id", "last_id", "has_more"}
Json list_json(Json data, bool has_more);
net::Response json_response(const Json& body);

}  // namespace hone::serve
