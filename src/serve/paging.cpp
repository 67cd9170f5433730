#include "serve/paging.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "serve/api_error.h"

namespace hone::serve {

PageRequest page_request(const net::Request& request, int64_t limit, int64_t most) {
  PageRequest page;
  page.limit = limit;
  if (const std::string* after = request.query_value("after")) page.after = *after;
  if (const std::string* text = request.query_value("limit")) {
    const char* end = text->data() + text->size();
    const auto [stop, fault] = std::from_chars(text->data(), end, page.limit);
    if (fault != std::errc() || stop != end) {
      refuse("Invalid type for 'limit': expected an integer, but got '" + excerpt(*text, 40) + "'.", "limit",
             "invalid_type");
    }
    if (page.limit < 1 || page.limit > most) {
      refuse(format("Invalid 'limit': expected an integer from 1 to %ld, but got %ld.", most, page.limit), "limit",
             page.limit < 1 ? "integer_below_min_value" : "integer_above_max_value");
    }
  }
  if (const std::string* order = request.query_value("order")) {
    if (*order != "asc" && *order != "desc") {
      refuse("Invalid value: '" + excerpt(*order, 40) + "'. Supported values are: 'asc', 'desc'.", "order",
             "invalid_value");
    }
    page.ascending = *order == "asc";
  }
  return page;
}

Json list_json(Json data, bool has_more) {
  // An empty list has no ids, but the contract of files wants texts there.
  const Json first = data.empty() ? Json("") : data.front().at("id");
  const Json last = data.empty() ? Json("") : data.back().at("id");
  return {
      {"object", "list"}, {"data", std::move(data)}, {"first_id", first}, {"last_id", last}, {"has_more", has_more}};
}

net::Response json_response(const Json& body) {
  net::Response response;
  response.body = to_line(body);
  return response;
}

}  // namespace hone::serve
