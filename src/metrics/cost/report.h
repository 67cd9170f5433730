// Everything that can be said of the cost of one undertaking: training and use at a provider, on a machine of one's
// own, and which is the cheaper. What `hone cost` prints and the service answers.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "metrics/cost/calculator.h"

namespace hone::metrics {

struct CostQuestion {
  std::vector<std::string> models;  ///< of the price table; empty: every one
  uint64_t examples = 0, tokens_per_epoch = 0, epochs = 3;
  std::string counted_by;  ///< how the tokens were; "": there is nothing to train on
  uint64_t requests_per_day = 0, input_tokens = 0, output_tokens = 0;
  double training_tokens_per_second = 0, answer_tokens_per_second = 0;  ///< of the own machine; 0: not known
  Hardware hardware;
  std::chrono::sys_days today;  ///< from which the age of prices counts
};

struct CostReport {
  PriceTable prices;
  std::vector<ModelPrice> models;
  int age_days = 0;                       ///< of the oldest price in `models`
  std::vector<Json> training, inference;  ///< one a model, as FineTuningCostCalculator says them; empty: not asked
  bool own_hardware = false;
  std::optional<double> training_hours, training_cost;
  std::vector<BreakEven> break_even;  ///< one a model
};

inline constexpr const char* kEstimatedByCharacters = "characters / 4";

/// An unknown model throws Error naming `place`.
CostReport reckon(const CostQuestion& question, const PriceTable& prices, const std::string& place);
/// {"prices", "models", "tokens", "training", "inference", "hardware", "break_even"}; what was not asked is absent.
Json to_json(const CostQuestion& question, const CostReport& report);

}  // namespace hone::metrics
