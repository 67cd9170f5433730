// What fine-tuning costs: training and use by a provider's price table, or on a machine of one's own.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"
#include "metrics/cost/price_table.h"

namespace hone::metrics {

/// Python's round(value, 2): to the nearest hundredth of the exact binary value, ties to even.
double round_cents(double value);

/// Names, rounding and rules as in the lecture that hone's examples follow. A number of examples or tokens that would
/// overflow 64 bits throws Error.
class FineTuningCostCalculator {
 public:
  explicit FineTuningCostCalculator(const PriceTable& prices = builtin_prices()) : prices_(prices) {}

  /// {"model", "num_examples", "total_tokens", "epochs", "training_cost_usd", "estimated_time_minutes"}; total_tokens =
  /// examples × tokens × epochs, minutes = max(10, total_tokens / 100,000 rounded down). An unknown model gives
  /// {"error": "Unknown model: NAME"}; so does one that has no price of training.
  Json estimate_training_cost(const std::string& model, uint64_t num_examples, uint64_t avg_tokens_per_example,
                              uint64_t epochs = 3) const;
  /// The same where the tokens of one epoch are counted rather than an average times a number.
  Json estimate_counted_training_cost(const std::string& model, uint64_t num_examples, uint64_t tokens_per_epoch,
                                      uint64_t epochs = 3) const;
  /// {"model", "requests_per_day", "daily_cost_usd", "monthly_cost_usd", "yearly_cost_usd"}: a month has 30 days, a
  /// year 365.
  Json estimate_inference_cost(const std::string& model, uint64_t requests_per_day, uint64_t avg_input_tokens,
                               uint64_t avg_output_tokens) const;

 private:
  const PriceTable& prices_;
};

/// What a day of requests costs, unrounded.
double daily_cost(const ModelPrice& price, uint64_t requests, uint64_t input_tokens, uint64_t output_tokens);

/// A machine by the hour. Each figure 0 where it does not apply.
struct Hardware {
  double price_per_hour = 0;  ///< rent, or what its wear is reckoned at
  double watts = 0, price_per_kwh = 0;
  double purchase = 0;  ///< paid once

  double hourly() const { return price_per_hour + watts / 1000 * price_per_kwh; }
  /// Runs all the time, 30 days of 24 hours.
  double monthly() const { return hourly() * 24 * 30; }
};

struct BreakEven {
  double hardware_monthly = 0, api_monthly = 0;
  /// Requests a day from which the machine is the cheaper one; nothing where a request costs nothing at the provider.
  std::optional<double> requests_per_day;
  /// What the machine answers in a day at most; nothing where its rate is not known.
  std::optional<double> capacity_per_day;
  /// Until the purchase is paid by what is saved; nothing without a purchase, or where nothing is saved.
  std::optional<double> months_to_pay_back;
  bool hardware_is_cheaper = false;  ///< at the requests asked for, which it can also answer as far as known
};

/// `answer_tokens_per_second` 0: not known. Only answered tokens count against the rate.
BreakEven break_even(const Hardware& hardware, const ModelPrice& price, uint64_t requests_per_day,
                     uint64_t input_tokens, uint64_t output_tokens, double answer_tokens_per_second);

}  // namespace hone::metrics
