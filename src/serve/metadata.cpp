#include "serve/metadata.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "serve/api_error.h"

namespace hone::serve {

Json read_metadata(const Fields& fields) {
  constexpr size_t kMostPairs = 16;
  constexpr int64_t kLongestKey = 64, kLongestValue = 512;
  const Json* given = fields.object("metadata");
  if (given == nullptr) return Json::object();
  if (given->size() > kMostPairs) {
    refuse(format("Invalid 'metadata': too many properties. Expected an object with at most %zu properties, but got an "
                  "object with %zu properties instead.",
                  kMostPairs, given->size()),
           "metadata", "object_above_max_properties");
  }
  const Fields pairs(*given, "metadata");
  for (const auto& [key, value] : given->items()) {
    if (static_cast<int64_t>(key.size()) > kLongestKey) {
      refuse("Invalid 'metadata': keys have at most 64 characters.", "metadata", "invalid_value");
    }
    pairs.text(key, 0, kLongestValue);
  }
  return *given;
}

}  // namespace hone::serve
