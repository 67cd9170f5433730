#include "serve/ab/statistics.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "serve/ab/automatic_metrics.h"

namespace hone::serve {
namespace {

using metrics::MetricKind;
using metrics::Moments;

/// Weights over all periods, each as heavy as the users that came in it: by these the users must divide.
std::vector<double> pooled_weights(const ExperimentRecord& experiment, const std::vector<double>& came) {
  std::vector<double> pooled(experiment.variants.size(), 0.0);
  double all = 0;
  for (const double users : came) all += users;
  for (size_t i = 0; i < pooled.size(); ++i) {
    if (all == 0) pooled[i] = experiment.variants[i].weight;
    for (size_t p = 0; p < came.size() && all > 0; ++p) pooled[i] += came[p] / all * experiment.periods[p][i];
  }
  return pooled;
}

void read_users(store::Database& database, const ExperimentRecord& experiment, metrics::Experiment& figures) {
  std::vector<double> came(experiment.periods.size(), 0.0);
  for (const store::Row& row : database.query("SELECT variant, period, COUNT(*) AS n FROM experiment_users"
                                              " WHERE experiment = ? GROUP BY variant, period",
                                              {experiment.id})) {
    came.at(static_cast<size_t>(row.integer("period"))) += static_cast<double>(row.integer("n"));
    for (metrics::VariantData& variant : figures.variants) {
      if (variant.name == row.text("variant")) variant.users += static_cast<uint64_t>(row.integer("n"));
    }
  }
  const std::vector<double> weights = pooled_weights(experiment, came);
  for (size_t i = 0; i < weights.size(); ++i) figures.variants[i].weight = weights[i];
}

Json group_json(const ExperimentVariant& variant, int64_t observations, double positive) {
  const auto rate = metrics::estimate(
      MetricKind::kBinary, Moments::of_binary(static_cast<uint64_t>(positive), static_cast<uint64_t>(observations)));
  return {{"total_requests", observations},
          {"positive_rate", rate.mean},
          {"model", variant.model},
          {"interval", metrics::to_json(rate.fixed)},
          {"interval_anytime", metrics::to_json(rate.anytime)}};
}

Json groups_json(store::Database& database, const ExperimentRecord& experiment) {
  Json groups = Json::object();
  const auto rows = database.query(
      "SELECT variant, CAST(SUM(observations) AS BIGINT) AS observations, SUM(total) AS total FROM experiment_values"
      " WHERE experiment = ? AND metric = 'positive' GROUP BY variant",
      {experiment.id});
  for (const ExperimentVariant& variant : experiment.variants) {
    for (const store::Row& row : rows) {
      if (row.text("variant") == variant.name)
        groups[variant.name] = group_json(variant, row.integer("observations"), row.real("total"));
    }
  }
  return groups;
}

}  // namespace

void UserValues::add(const std::string& experiment, const std::string& metric, const std::string& variant,
                     const std::string& user_hash, double value) {
  database_.execute(
      "INSERT INTO experiment_values (experiment, metric, variant, user_hash, observations, total)"
      " VALUES (?, ?, ?, ?, 1, ?) ON CONFLICT (experiment, metric, variant, user_hash) DO UPDATE SET"
      " observations = experiment_values.observations + 1, total = experiment_values.total + excluded.total",
      {experiment, metric, variant, user_hash, value});
}

void UserValues::set(const std::string& experiment, const std::string& metric, const std::string& variant,
                     const std::string& user_hash, int64_t observations, double total) {
  database_.execute(
      "DELETE FROM experiment_values WHERE experiment = ? AND metric = ? AND variant = ? AND user_hash = ?",
      {experiment, metric, variant, user_hash});
  if (observations == 0) return;
  database_.execute(
      "INSERT INTO experiment_values (experiment, metric, variant, user_hash, observations, total)"
      " VALUES (?, ?, ?, ?, ?, ?)",
      {experiment, metric, variant, user_hash, observations, total});
}

void UserValues::seen(const std::string& experiment, const std::string& variant, const std::string& user_hash,
                      int64_t period) {
  database_.execute(
      "INSERT INTO experiment_users (experiment, user_hash, variant, period) VALUES (?, ?, ?, ?)"
      " ON CONFLICT (experiment, user_hash) DO NOTHING",
      {experiment, user_hash, variant, period});
}

metrics::Experiment read_figures(store::Database& database, const ExperimentRecord& experiment) {
  metrics::Experiment figures{experiment.metrics, {}};
  for (const metrics::MetricSpec& spec : automatic_metrics()) {
    if (experiment.metric(spec.name) == nullptr) figures.metrics.push_back(spec);
  }
  for (const ExperimentVariant& one : experiment.variants)
    figures.variants.push_back({one.name, one.weight, 0, std::vector<Moments>(figures.metrics.size())});
  // The mean first and the squares around it, in one statement: no digits are lost to large sums.
  const auto rows = database.query(
      "SELECT v.metric AS metric, v.variant AS variant, COUNT(*) AS users, MIN(m.mean) AS mean,"
      " SUM((v.total / v.observations - m.mean) * (v.total / v.observations - m.mean)) AS squares,"
      " CAST(SUM(CASE WHEN v.total = 0 OR v.total = v.observations THEN 0 ELSE 1 END) AS BIGINT) AS mixed"
      " FROM experiment_values v JOIN (SELECT metric, variant, AVG(total / observations) AS mean FROM experiment_values"
      " WHERE experiment = ? GROUP BY metric, variant) m ON m.metric = v.metric AND m.variant = v.variant"
      " WHERE v.experiment = ? GROUP BY v.metric, v.variant",
      {experiment.id, experiment.id});
  for (const store::Row& row : rows) {
    for (size_t m = 0; m < figures.metrics.size(); ++m) {
      metrics::MetricSpec& spec = figures.metrics[m];
      if (spec.name != row.text("metric")) continue;
      if (row.integer("mixed") > 0) spec.kind = MetricKind::kMean;
      for (metrics::VariantData& variant : figures.variants) {
        if (variant.name != row.text("variant")) continue;
        variant.metrics[m] = {static_cast<uint64_t>(row.integer("users")), row.real("mean"), row.real("squares")};
      }
    }
  }
  read_users(database, experiment, figures);
  return figures;
}

metrics::AnalysisOptions analysis_options(const ExperimentRecord& experiment) {
  return {.alpha = experiment.alpha,
          .minimum_per_variant = static_cast<uint64_t>(experiment.minimum_per_variant),
          .expected = experiment.expected};
}

Json statistics_json(store::Database& database, const ExperimentRecord& experiment, const metrics::Experiment& figures,
                     Language language) {
  Json json = {{"object", "experiment.statistics"},
               {"experiment", experiment.id},
               {"name", experiment.name},
               {"status", experiment.status},
               {"control", experiment.variants.front().name}};
  json.update(metrics::to_json(figures, metrics::analyse(figures, analysis_options(experiment)), language));
  for (const ExperimentVariant& one : experiment.variants) {
    json["variants"][one.name]["weight"] = one.weight;
    json["variants"][one.name]["model"] = one.model;
  }
  json["metrics"] = metrics_json(figures.metrics);
  json["groups"] = groups_json(database, experiment);
  return json;
}

}  // namespace hone::serve
