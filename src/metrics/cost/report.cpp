#include "metrics/cost/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hone::metrics {
namespace {

void own_machine(const CostQuestion& question, CostReport& report) {
  report.own_hardware = question.hardware.hourly() > 0 || question.hardware.purchase > 0;
  if (question.training_tokens_per_second <= 0 || question.counted_by.empty()) return;
  const double tokens = static_cast<double>(question.tokens_per_epoch) * static_cast<double>(question.epochs);
  report.training_hours = tokens / question.training_tokens_per_second / 3600;
  if (report.own_hardware) report.training_cost = *report.training_hours * question.hardware.hourly();
}

Json optional(const std::optional<double>& value, bool cents = false) {
  if (!value) return nullptr;
  return cents ? round_cents(*value) : *value;
}

Json price_json(const ModelPrice& model) {
  return {{"model", model.name},
          {"training", optional(model.training)},
          {"inference_input", model.inference_input},
          {"inference_output", model.inference_output},
          {"date", model.date},
          {"source", model.source}};
}

}  // namespace

CostReport reckon(const CostQuestion& question, const PriceTable& prices, const std::string& place) {
  CostReport report;
  report.prices = prices;
  for (const std::string& name : question.models) report.models.push_back(prices.model(name, place));
  if (question.models.empty()) report.models = prices.models;
  for (const ModelPrice& model : report.models)
    report.age_days = std::max(report.age_days, days_since(model.date, question.today).value_or(0));
  own_machine(question, report);
  const FineTuningCostCalculator calculator(report.prices);
  for (const ModelPrice& model : report.models) {
    if (!question.counted_by.empty()) {
      report.training.push_back(calculator.estimate_counted_training_cost(model.name, question.examples,
                                                                          question.tokens_per_epoch, question.epochs));
    }
    if (question.requests_per_day == 0) continue;
    report.inference.push_back(calculator.estimate_inference_cost(model.name, question.requests_per_day,
                                                                  question.input_tokens, question.output_tokens));
    if (report.own_hardware) {
      report.break_even.push_back(break_even(question.hardware, model, question.requests_per_day, question.input_tokens,
                                             question.output_tokens, question.answer_tokens_per_second));
    }
  }
  return report;
}

Json to_json(const CostQuestion& question, const CostReport& report) {
  Json json = {{"prices",
                {{"file", report.prices.file.empty() ? Json("built-in") : Json(report.prices.file)},
                 {"date", report.prices.date},
                 {"age_days", report.age_days},
                 {"currency", report.prices.currency},
                 {"source", report.prices.source}}},
               {"models", Json::array()}};
  for (const ModelPrice& model : report.models) json["models"].push_back(price_json(model));
  if (!question.counted_by.empty()) {
    json["tokens"] = {{"examples", question.examples},
                      {"tokens_per_epoch", question.tokens_per_epoch},
                      {"counted_by", question.counted_by},
                      {"estimated", question.counted_by == kEstimatedByCharacters}};
    json["training"] = report.training;
  }
  if (!report.inference.empty()) json["inference"] = report.inference;
  if (report.own_hardware || question.training_tokens_per_second > 0) {
    json["hardware"] = {{"cost_per_hour", question.hardware.hourly()},
                        {"monthly_cost", round_cents(question.hardware.monthly())},
                        {"purchase", question.hardware.purchase},
                        {"training_tokens_per_second", question.training_tokens_per_second},
                        {"training_hours", optional(report.training_hours)},
                        {"training_cost", optional(report.training_cost, true)}};
  }
  for (size_t i = 0; i < report.break_even.size(); ++i) {
    const BreakEven& one = report.break_even[i];
    json["break_even"].push_back({{"model", report.models[i].name},
                                  {"hardware_monthly", round_cents(one.hardware_monthly)},
                                  {"api_monthly", round_cents(one.api_monthly)},
                                  {"requests_per_day", optional(one.requests_per_day)},
                                  {"capacity_per_day", optional(one.capacity_per_day)},
                                  {"months_to_pay_back", optional(one.months_to_pay_back)},
                                  {"hardware_is_cheaper", one.hardware_is_cheaper}});
  }
  return json;
}

}  // namespace hone::metrics
