#include "metrics/cost/calculator.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/strings.h"

namespace hone::metrics {
namespace {

uint64_t product(uint64_t a, uint64_t b, const char* place) {
  uint64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result) || result > uint64_t{1} << 62)
    fail_input(place, "the number of tokens is beyond reckoning", "give smaller numbers");
  return result;
}

const ModelPrice* find(const PriceTable& prices, const std::string& model) {
  for (const ModelPrice& one : prices.models) {
    if (one.name == model) return &one;
  }
  return nullptr;
}

double millions(uint64_t tokens) {
  return static_cast<double>(tokens) / 1000000.0;
}

}  // namespace

double round_cents(double value) {
  if (!std::isfinite(value)) return value;
  return std::strtod(format("%.2f", value).c_str(), nullptr);
}

Json FineTuningCostCalculator::estimate_training_cost(const std::string& model, uint64_t num_examples,
                                                      uint64_t avg_tokens_per_example, uint64_t epochs) const {
  return estimate_counted_training_cost(model, num_examples,
                                        product(num_examples, avg_tokens_per_example, "training cost"), epochs);
}

Json FineTuningCostCalculator::estimate_counted_training_cost(const std::string& model, uint64_t num_examples,
                                                              uint64_t tokens_per_epoch, uint64_t epochs) const {
  const ModelPrice* price = find(prices_, model);
  if (price == nullptr) return {{"error", "Unknown model: " + model}};
  if (!price->training) return {{"error", "No price of training: " + model}};
  const uint64_t total = product(tokens_per_epoch, epochs, "training cost");
  return {{"model", model},
          {"num_examples", num_examples},
          {"total_tokens", total},
          {"epochs", epochs},
          {"training_cost_usd", round_cents(millions(total) * *price->training)},
          {"estimated_time_minutes", std::max<uint64_t>(10, total / 100000)}};
}

double daily_cost(const ModelPrice& price, uint64_t requests, uint64_t input_tokens, uint64_t output_tokens) {
  return millions(product(requests, input_tokens, "inference cost")) * price.inference_input +
         millions(product(requests, output_tokens, "inference cost")) * price.inference_output;
}

Json FineTuningCostCalculator::estimate_inference_cost(const std::string& model, uint64_t requests_per_day,
                                                       uint64_t avg_input_tokens, uint64_t avg_output_tokens) const {
  const ModelPrice* price = find(prices_, model);
  if (price == nullptr) return {{"error", "Unknown model: " + model}};
  const double daily = daily_cost(*price, requests_per_day, avg_input_tokens, avg_output_tokens);
  return {{"model", model},
          {"requests_per_day", requests_per_day},
          {"daily_cost_usd", round_cents(daily)},
          {"monthly_cost_usd", round_cents(daily * 30)},
          {"yearly_cost_usd", round_cents(daily * 365)}};
}

BreakEven break_even(const Hardware& hardware, const ModelPrice& price, uint64_t requests_per_day,
                     uint64_t input_tokens, uint64_t output_tokens, double answer_tokens_per_second) {
  BreakEven result;
  result.hardware_monthly = hardware.monthly();
  result.api_monthly = daily_cost(price, requests_per_day, input_tokens, output_tokens) * 30;
  const double one = daily_cost(price, 1, input_tokens, output_tokens);
  if (one > 0) result.requests_per_day = result.hardware_monthly / 30 / one;
  if (answer_tokens_per_second > 0 && output_tokens > 0)
    result.capacity_per_day = answer_tokens_per_second * 86400 / static_cast<double>(output_tokens);
  const double saved = result.api_monthly - result.hardware_monthly;
  if (hardware.purchase > 0 && saved > 0) result.months_to_pay_back = hardware.purchase / saved;
  const bool can_answer = !result.capacity_per_day || *result.capacity_per_day >= static_cast<double>(requests_per_day);
  result.hardware_is_cheaper = saved > 0 && can_answer;
  return result;
}

}  // namespace hone::metrics
