#include "serve/token_ids.h"

#include <nlohmann/json.hpp>

#include "serve/api_error.h"

namespace hone::serve {

std::vector<int32_t> read_token_ids(const Json& list, int64_t vocabulary, const std::string& param) {
  std::vector<int32_t> ids;
  for (const Json& id : list) {
    const bool known = id.is_number_integer() && id.get<int64_t>() >= 0 && id.get<int64_t>() < vocabulary;
    if (!known) {
      refuse("Invalid '" + param + "': expected token ids of this model's vocabulary.", param, "invalid_value");
    }
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

}  // namespace hone::serve
