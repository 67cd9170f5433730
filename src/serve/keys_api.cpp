#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "serve/api_error.h"
#include "serve/fields.h"
#include "serve/keys.h"
#include "serve/paging.h"
#include "serve/routes.h"

namespace hone::serve {
namespace {

Json key_json(const KeyInfo& key) {
  return {{"id", key.id}, {"object", "key"}, {"name", key.name}, {"role", role_name(key.role)}};
}

net::Response create(const net::Request& request, Keys& keys) {
  const Json body = parse_body(request.body);
  const Fields fields(body);
  fields.only({"name", "role"});
  const std::string name = fields.text("name", 1, 64);
  // The name says whose things are whose, so it must not be another's or look like it.
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
  if (!plain) refuse("Invalid 'name': expected letters, digits, '-', '_' and '.'.", "name", "invalid_value");
  const auto role = fields.choice("role", {"use", "train", "admin"});
  if (!role) fields.missing("role");
  const std::string key = keys.create(name, role_named(*role));
  Json json = key_json(Keys::info(key, name, role_named(*role)));
  json["key"] = key;  // shown this once
  return json_response(json);
}

}  // namespace

void add_keys_api(net::Server& server, Keys& keys) {
  add_route(server, "POST", "/v1/keys", Role::kAdmin, [&](net::Request& request) { return create(request, keys); });
  add_route(server, "GET", "/v1/keys", Role::kAdmin, [&](net::Request&) {
    Json data = Json::array();
    for (const KeyInfo& key : keys.list()) data.push_back(key_json(key));
    return json_response(list_json(std::move(data), false));
  });
  add_route(server, "DELETE", "/v1/keys/{key_id}", Role::kAdmin, [&](net::Request& request) {
    const std::string& id = request.path_values.at("key_id");
    if (!keys.revoke(id)) refuse_unknown("No such key: " + excerpt(id, 60), "key_id");
    return json_response({{"id", id}, {"object", "key"}, {"deleted", true}});
  });
}

}  // namespace hone::serve
