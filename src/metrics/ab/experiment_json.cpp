#include <cmath>
#include <nlohmann/json.hpp>

#include "metrics/ab/experiment.h"

namespace hone::metrics {
namespace {

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json to_json(const Estimate& estimate) {
  return {{"count", estimate.count},
          {"mean", number(estimate.mean)},
          {"interval", metrics::to_json(estimate.fixed)},
          {"interval_anytime", metrics::to_json(estimate.anytime)}};
}

Json to_json(const Effect& effect) {
  Json json = {{"difference", number(effect.difference)},
               {"interval", metrics::to_json(effect.fixed)},
               {"interval_anytime", metrics::to_json(effect.anytime)},
               {"p_value", number(effect.p_fixed)},
               {"p_value_anytime", number(effect.p_anytime)},
               {"lift", nullptr}};
  if (effect.lift) {
    json["lift"] = {{"value", number(effect.lift->value)},
                    {"interval", metrics::to_json(effect.lift->fixed)},
                    {"interval_anytime", metrics::to_json(effect.lift->anytime)}};
  }
  return json;
}

template <typename T>
Json by_metric(const Experiment& experiment, const std::vector<std::optional<T>>& values) {
  Json json = Json::object();
  for (size_t m = 0; m < values.size(); ++m)
    json[experiment.metrics[m].name] = values[m] ? to_json(*values[m]) : Json(nullptr);
  return json;
}

}  // namespace

Json to_json(const Interval& interval) {
  return Json::array({number(interval.low), number(interval.high)});
}

Json to_json(const Experiment& experiment, const Analysis& analysis, Language language) {
  Json json = {{"verdict", verdict_name(analysis.verdict)},
               {"winner", analysis.winner.empty() ? Json(nullptr) : Json(analysis.winner)},
               {"reason", analysis.reason.in(language)},
               {"variants", Json::object()},
               {"treatments", Json::object()}};
  for (size_t v = 0; v < experiment.variants.size(); ++v) {
    const VariantData& variant = experiment.variants[v];
    json["variants"][variant.name] = {{"weight", variant.weight},
                                      {"users", variant.users},
                                      {"metrics", by_metric(experiment, analysis.estimates[v])}};
  }
  for (const TreatmentResult& one : analysis.treatments) {
    Json guards = Json::object();
    for (const GuardResult& guard : one.guards)
      guards[guard.metric] = {{"state", guard_name(guard.state)}, {"limit", guard.limit}};
    json["treatments"][one.name] = {{"verdict", verdict_name(one.verdict)},
                                    {"reason", one.reason.in(language)},
                                    {"effects", by_metric(experiment, one.effects)},
                                    {"guard_rails", guards}};
  }
  json["split"] = {{"expected", analysis.split.expected},
                   {"chi_square", number(analysis.split.chi_square)},
                   {"p_value", analysis.split.p_fixed},
                   {"p_value_anytime", analysis.split.p_anytime},
                   {"mismatch", analysis.split.mismatch}};
  return json;
}

}  // namespace hone::metrics
