// The query of a list and its answer, in OpenAI's form. For sources only.
#pragma once
#include <nlohmann/json.hpp>
#include <optional>

#include "net/message.h"
#include "serve/records.h"

namespace hone::serve {

/// `after`, `limit` (1 to `most`) and `order` of the query; throws ApiError.
PageRequest page_request(const net::Request& request, int64_t limit, int64_t most);
/// {"object": "list", "data": […], "first_id", "last_id", "has_more"}
Json list_json(Json data, bool has_more);
net::Response json_response(const Json& body);

template <typename Content>
Json json_or_null(const std::optional<Content>& content) {
  return content ? Json(*content) : Json(nullptr);
}

/// A page of records, each as `show` writes it.
template <typename Record, typename Show>
net::Response page_response(const Page<Record>& page, Show show) {
  Json data = Json::array();
  for (const Record& record : page.items) data.push_back(show(record));
  return json_response(list_json(std::move(data), page.has_more));
}

}  // namespace hone::serve
