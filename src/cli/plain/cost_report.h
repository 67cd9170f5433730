// Everything `hone cost` reckons, apart from how it is asked and printed.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/language.h"
#include "cli/plain/data_facts.h"
#include "metrics/cost/calculator.h"

namespace hone::cli {

struct CostQuestion {
  std::vector<std::string> models;  ///< empty: every one of the table
  std::string prices;               ///< file; "" for the built-in table
  uint64_t examples = 0, tokens_per_example = 0, epochs = 3;
  DataFactsOptions data;
  uint64_t requests_per_day = 0, input_tokens = 0, output_tokens = 0;
  std::string run;                        ///< folder whose metrics.jsonl tells tokens a second
  double training_tokens_per_second = 0;  ///< in place of a run's
  double answer_tokens_per_second = 0;
  metrics::Hardware hardware;
  std::string today;  ///< "" asks the clock
};

struct CostAnswer {
  metrics::PriceTable prices;
  std::vector<metrics::ModelPrice> models;
  int age_days = 0;  ///< of the oldest price in `models`
  uint64_t examples = 0, tokens_per_epoch = 0;
  std::string counted_by;                 ///< "" where there is nothing to train on
  std::vector<Json> training, inference;  ///< one a model, as FineTuningCostCalculator says them; empty: not asked
  bool own_hardware = false;
  double training_tokens_per_second = 0;  ///< 0: not known
  std::optional<double> training_hours, training_cost;
  std::vector<metrics::BreakEven> break_even;  ///< one a model
};

CostAnswer answer(const CostQuestion& question);
Json to_json(const CostQuestion& question, const CostAnswer& answer);
std::string to_text(const CostQuestion& question, const CostAnswer& answer, Language language);

}  // namespace hone::cli
