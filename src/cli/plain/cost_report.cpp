#include "cli/plain/cost_report.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/strings.h"
#include "metrics/statistics.h"
#include "track/metrics_log.h"

namespace hone::cli {
namespace {

using metrics::FineTuningCostCalculator;

std::chrono::sys_days day_of(const std::string& today) {
  if (today.empty()) return std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  const auto days = metrics::days_since(today, {});
  if (!days) fail_input("--today", "\"" + excerpt(today, 40) + "\" is no date", "write it as 2024-08-20");
  return std::chrono::sys_days{} - std::chrono::days(*days);
}

/// The rate in the middle of the run's logged steps: the first ones, which warm up, do not count for more.
double rate_of(const std::string& run) {
  const std::string path = run + "/metrics.jsonl";
  std::vector<double> rates;
  for (const track::MetricsRow& row : track::read_metrics(path).rows) {
    for (const auto& [name, value] : row.scalars) {
      if (name == "tokens_per_second" && value > 0) rates.push_back(value);
    }
  }
  if (rates.empty()) fail_input(path, "tells no tokens_per_second", "let the run go on to its first logged step");
  return metrics::percentile(rates, 0.5);
}

void read_tokens(const CostQuestion& question, CostAnswer& answer) {
  if (!question.data.file.empty()) {
    const DataFacts facts = collect_data_facts(question.data);
    answer.examples = facts.report.ok - facts.refused;
    answer.tokens_per_epoch = facts.tokens;
    answer.counted_by = facts.counted_by;
    if (answer.examples == 0)
      fail_input(question.data.file, "holds no example that could be trained on", "hone data check tells why");
    return;
  }
  if (question.examples == 0 && question.tokens_per_example == 0) return;
  if (question.examples == 0 || question.tokens_per_example == 0)
    fail_input("hone cost", "--examples and --tokens-per-example belong together", "give both, or --data FILE");
  answer.examples = question.examples;
  answer.counted_by = "as given";
  if (__builtin_mul_overflow(question.examples, question.tokens_per_example, &answer.tokens_per_epoch))
    fail_input("hone cost", "the number of tokens is beyond reckoning", "give smaller numbers");
}

void own_machine(const CostQuestion& question, CostAnswer& answer) {
  answer.own_hardware = question.hardware.hourly() > 0 || question.hardware.purchase > 0;
  answer.training_tokens_per_second = question.training_tokens_per_second;
  if (!question.run.empty()) answer.training_tokens_per_second = rate_of(question.run);
  if (answer.training_tokens_per_second > 0 && !answer.counted_by.empty()) {
    const double tokens = static_cast<double>(answer.tokens_per_epoch) * static_cast<double>(question.epochs);
    answer.training_hours = tokens / answer.training_tokens_per_second / 3600;
    if (answer.own_hardware) answer.training_cost = *answer.training_hours * question.hardware.hourly();
  }
}

}  // namespace

CostAnswer answer(const CostQuestion& question) {
  CostAnswer result;
  result.prices = question.prices.empty() ? metrics::builtin_prices() : metrics::read_prices(question.prices);
  for (const std::string& name : question.models) result.models.push_back(result.prices.model(name, "--model"));
  if (question.models.empty()) result.models = result.prices.models;
  const auto today = day_of(question.today);
  for (const metrics::ModelPrice& model : result.models)
    result.age_days = std::max(result.age_days, metrics::days_since(model.date, today).value_or(0));
  read_tokens(question, result);
  own_machine(question, result);
  const FineTuningCostCalculator calculator(result.prices);
  const bool asks_use = question.requests_per_day > 0;
  if (asks_use && question.input_tokens + question.output_tokens == 0)
    fail_input("hone cost", "--requests-per-day is given without the tokens of a request",
               "add --input-tokens and --output-tokens");
  for (const metrics::ModelPrice& model : result.models) {
    if (!result.counted_by.empty()) {
      result.training.push_back(calculator.estimate_counted_training_cost(model.name, result.examples,
                                                                          result.tokens_per_epoch, question.epochs));
    }
    if (!asks_use) continue;
    result.inference.push_back(calculator.estimate_inference_cost(model.name, question.requests_per_day,
                                                                  question.input_tokens, question.output_tokens));
    if (result.own_hardware) {
      result.break_even.push_back(metrics::break_even(question.hardware, model, question.requests_per_day,
                                                      question.input_tokens, question.output_tokens,
                                                      question.answer_tokens_per_second));
    }
  }
  return result;
}

namespace {

Json optional(const std::optional<double>& value, bool cents = false) {
  if (!value) return nullptr;
  return cents ? metrics::round_cents(*value) : *value;
}

}  // namespace

Json to_json(const CostQuestion& question, const CostAnswer& answer) {
  Json json = {{"prices",
                {{"file", answer.prices.file.empty() ? Json("built-in") : Json(answer.prices.file)},
                 {"date", answer.prices.date},
                 {"age_days", answer.age_days},
                 {"currency", answer.prices.currency},
                 {"source", answer.prices.source}}},
               {"models", Json::array()}};
  for (const metrics::ModelPrice& model : answer.models) {
    json["models"].push_back({{"model", model.name},
                              {"training", optional(model.training)},
                              {"inference_input", model.inference_input},
                              {"inference_output", model.inference_output},
                              {"date", model.date},
                              {"source", model.source}});
  }
  if (!answer.counted_by.empty()) {
    json["tokens"] = {{"examples", answer.examples},
                      {"tokens_per_epoch", answer.tokens_per_epoch},
                      {"counted_by", answer.counted_by},
                      {"estimated", answer.counted_by == "characters / 4"}};
    json["training"] = answer.training;
  }
  if (!answer.inference.empty()) json["inference"] = answer.inference;
  if (answer.own_hardware || answer.training_tokens_per_second > 0) {
    json["hardware"] = {{"cost_per_hour", question.hardware.hourly()},
                        {"monthly_cost", metrics::round_cents(question.hardware.monthly())},
                        {"purchase", question.hardware.purchase},
                        {"training_tokens_per_second", answer.training_tokens_per_second},
                        {"training_hours", optional(answer.training_hours)},
                        {"training_cost", optional(answer.training_cost, true)}};
  }
  for (size_t i = 0; i < answer.break_even.size(); ++i) {
    const metrics::BreakEven& one = answer.break_even[i];
    json["break_even"].push_back({{"model", answer.models[i].name},
                                  {"hardware_monthly", metrics::round_cents(one.hardware_monthly)},
                                  {"api_monthly", metrics::round_cents(one.api_monthly)},
                                  {"requests_per_day", optional(one.requests_per_day)},
                                  {"capacity_per_day", optional(one.capacity_per_day)},
                                  {"months_to_pay_back", optional(one.months_to_pay_back)},
                                  {"hardware_is_cheaper", one.hardware_is_cheaper}});
  }
  return json;
}

}  // namespace hone::cli
