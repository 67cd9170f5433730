// What a request asks of an experiment, with the API's limits. All throw ApiError.
#pragma once
#include "serve/ab/experiment_record.h"
#include "serve/fields.h"

namespace hone::serve {

/// POST /v1/experiments. Models are not looked up here.
ExperimentRecord read_experiment(const Json& body);

/// POST /v1/experiments/{id}; absent: as it is.
struct ExperimentChange {
  std::optional<metrics::Weights> weights;
  std::optional<std::string> metadata;
  std::optional<bool> auto_roll_back;
};
ExperimentChange read_change(const Json& body, const ExperimentRecord& experiment);

}  // namespace hone::serve
