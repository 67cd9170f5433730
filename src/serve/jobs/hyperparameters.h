// Hyperparameters of a job: read as the API writes them, "auto" made a number once the data is known.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"
#include "serve/fields.h"

namespace hone::serve {

/// Absent: auto.
struct Hyperparameters {
  std::optional<int64_t> n_epochs, batch_size;
  std::optional<double> learning_rate_multiplier, beta;
};

/// Reads `object`, whose limits are the API's; throws ApiError. `preference`: beta is allowed too.
Hyperparameters read_hyperparameters(const Fields& object, bool preference);

/// Every value that is auto, by the rules of docs/service.md: epochs 3, fewer passes over many examples and more over
/// few, as OpenAI's cookbook counts; batches of 0.2% of the examples; the learning rate as it is; beta 0.1.
Hyperparameters resolve(Hyperparameters asked, int64_t examples);

/// {"n_epochs", "batch_size", "learning_rate_multiplier"} and, with `preference`, "beta"; "auto" where absent.
Json hyperparameters_json(const Hyperparameters& values, bool preference);
Hyperparameters hyperparameters_from(const std::string& json);

}  // namespace hone::serve
