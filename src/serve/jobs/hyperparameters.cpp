#include "serve/jobs/hyperparameters.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace hone::serve {
namespace {

bool is_auto(const Fields& object, const std::string& key) {
  const Json* value = object.find(key);
  return value == nullptr || *value == "auto";
}

constexpr double kTiny = std::numeric_limits<double>::min();

template <typename Number>
Json or_auto(const std::optional<Number>& value) {
  return value ? Json(*value) : Json("auto");
}

}  // namespace

Hyperparameters read_hyperparameters(const Fields& object, bool preference) {
  if (preference)
    object.only({"n_epochs", "batch_size", "learning_rate_multiplier", "beta"});
  else
    object.only({"n_epochs", "batch_size", "learning_rate_multiplier"});
  Hyperparameters values;
  if (!is_auto(object, "n_epochs")) values.n_epochs = object.integer("n_epochs", 1, 50);
  if (!is_auto(object, "batch_size")) values.batch_size = object.integer("batch_size", 1, 256);
  if (!is_auto(object, "learning_rate_multiplier")) {
    values.learning_rate_multiplier = object.number("learning_rate_multiplier", kTiny, 1e4);
  }
  if (!is_auto(object, "beta")) values.beta = object.number("beta", kTiny, 2);
  return values;
}

Hyperparameters resolve(Hyperparameters asked, int64_t examples) {
  constexpr int64_t kEpochs = 3, kFew = 100, kMany = 25000, kMostEpochs = 25;
  const int64_t n = std::max<int64_t>(1, examples);
  if (!asked.n_epochs) {
    asked.n_epochs = n * kEpochs < kFew    ? std::min(kMostEpochs, kFew / n)
                     : n * kEpochs > kMany ? std::max<int64_t>(1, kMany / n)
                                           : kEpochs;
  }
  if (!asked.batch_size) {
    asked.batch_size = std::clamp<int64_t>(std::llround(0.002 * static_cast<double>(n)), 1, 256);
  }
  if (!asked.learning_rate_multiplier) asked.learning_rate_multiplier = 1;
  if (!asked.beta) asked.beta = 0.1;
  return asked;
}

Json hyperparameters_json(const Hyperparameters& values, bool preference) {
  Json json = {{"n_epochs", or_auto(values.n_epochs)},
               {"batch_size", or_auto(values.batch_size)},
               {"learning_rate_multiplier", or_auto(values.learning_rate_multiplier)}};
  if (preference) json["beta"] = or_auto(values.beta);
  return json;
}

Hyperparameters hyperparameters_from(const std::string& json) {
  const Json object = parse_json(json, "hyperparameters");
  return read_hyperparameters(Fields(object), true);
}

}  // namespace hone::serve
