#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "serve/ab/experiment_record.h"
#include "serve/api_error.h"
#include "serve/ids.h"
#include "serve/row_pages.h"

namespace hone::serve {
namespace {

using store::Row;
using store::Value;

std::vector<ExperimentVariant> read_variants(const Json& list) {
  std::vector<ExperimentVariant> variants;
  for (const Json& one : list) {
    variants.push_back({one.at("name"), one.at("model"), one.at("endpoint").is_null() ? "" : one.at("endpoint"),
                        one.at("weight").get<double>()});
  }
  return variants;
}

std::vector<metrics::MetricSpec> read_metrics(const Json& list) {
  std::vector<metrics::MetricSpec> specs;
  for (const Json& one : list) {
    metrics::MetricSpec spec{.name = one.at("name")};
    spec.kind = one.at("kind") == "binary" ? metrics::MetricKind::kBinary : metrics::MetricKind::kMean;
    spec.higher_is_better = one.at("higher_is_better");
    if (!one.at("max_worsening").is_null()) spec.max_worsening = one.at("max_worsening").get<double>();
    specs.push_back(std::move(spec));
  }
  return specs;
}

Json segments_json(const std::vector<metrics::Assignment::Segment>& segments) {
  Json list = Json::array();
  for (const auto& segment : segments) list.push_back({segment.end, segment.variant});
  return list;
}

ExperimentRecord to_experiment(const Row& row) {
  ExperimentRecord experiment;
  experiment.id = row.text("id");
  const auto json = [&](const char* column) { return parse_json(row.text(column), experiment.id); };
  experiment.serial = row.integer("serial");
  experiment.owner = row.text("owner");
  experiment.name = row.text("name");
  experiment.created_at = row.integer("created_at");
  experiment.status = row.text("status");
  experiment.promoted = row.text_or_null("promoted");
  experiment.auto_roll_back = row.integer("auto_roll_back") != 0;
  experiment.keeps_text = row.integer("keeps_text") != 0;
  experiment.minimum_per_variant = row.integer("minimum_per_variant");
  experiment.alpha = row.real("alpha");
  experiment.expected = row.real("expected");
  experiment.variants = read_variants(json("variants_json"));
  experiment.metrics = read_metrics(json("metrics_json"));
  for (const Json& one : json("segments_json"))
    experiment.segments.push_back({one.at(0).get<uint64_t>(), one.at(1).get<uint32_t>()});
  experiment.periods = json("periods_json").get<std::vector<std::vector<double>>>();
  experiment.history = row.text("history_json");
  experiment.metadata = row.text("metadata_json");
  return experiment;
}

int64_t number(bool yes) {
  return yes ? 1 : 0;
}

}  // namespace

void ExperimentTable::add(ExperimentRecord& experiment) {
  experiment.created_at = unix_now();
  experiment.id = new_id("exp-");
  bool taken = false;
  database().transaction([&] {
    taken = by_name(experiment.owner, experiment.name).has_value();
    if (taken) return;
    experiment.serial = records_.next_serial("experiments");
    database().execute(
        "INSERT INTO experiments (id, serial, owner, name, created_at, status, promoted, period, auto_roll_back,"
        " keeps_text, minimum_per_variant, alpha, expected, variants_json, metrics_json, segments_json, periods_json,"
        " history_json, metadata_json) VALUES (?, ?, ?, ?, ?, ?, NULL, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        {experiment.id, experiment.serial, experiment.owner, experiment.name, experiment.created_at, experiment.status,
         number(experiment.auto_roll_back), number(experiment.keeps_text), experiment.minimum_per_variant,
         experiment.alpha, experiment.expected, to_line(variants_json(experiment.variants)),
         to_line(metrics_json(experiment.metrics)), to_line(segments_json(experiment.segments)),
         to_line(Json(experiment.periods)), experiment.history, experiment.metadata});
  });
  if (taken) {
    throw ApiError(409, "You have an experiment named " + experiment.name + ". Delete it first, or take another name.",
                   "name", "experiment_exists");
  }
}

std::optional<ExperimentRecord> ExperimentTable::first(const std::vector<Row>& rows) {
  if (rows.empty()) return std::nullopt;
  return to_experiment(rows.front());
}

std::optional<ExperimentRecord> ExperimentTable::by_id(const std::string& id) {
  return first(database().query("SELECT * FROM experiments WHERE id = ?", {id}));
}

std::optional<ExperimentRecord> ExperimentTable::by_name(const std::string& owner, const std::string& name) {
  return first(database().query("SELECT * FROM experiments WHERE owner = ? AND name = ?", {owner, name}));
}

std::optional<ExperimentRecord> ExperimentTable::by_name(const std::string& name) {
  return first(database().query("SELECT * FROM experiments WHERE name = ? ORDER BY serial DESC LIMIT 1", {name}));
}

Page<ExperimentRecord> ExperimentTable::page(const PageRequest& page, const std::string& owner) {
  const int64_t start = page.ascending ? 0 : INT64_MAX;
  const int64_t from = page.after.empty() ? start : records_.serial_of("experiments", page.after);
  const std::string end = page_end(page);
  const auto rows = owner.empty() ? database().query("SELECT * FROM experiments WHERE" + end, {from, page.limit + 1})
                                  : database().query("SELECT * FROM experiments WHERE owner = ? AND" + end,
                                                     {owner, from, page.limit + 1});
  return page_of<ExperimentRecord>(rows, page.limit, to_experiment);
}

std::vector<ExperimentRecord> ExperimentTable::all() {
  std::vector<ExperimentRecord> experiments;
  for (const Row& row : database().query("SELECT * FROM experiments ORDER BY serial"))
    experiments.push_back(to_experiment(row));
  return experiments;
}

void ExperimentTable::update(const ExperimentRecord& experiment) {
  database().execute(
      "UPDATE experiments SET status = ?, promoted = ?, period = ?, auto_roll_back = ?, variants_json = ?,"
      " segments_json = ?, periods_json = ?, history_json = ?, metadata_json = ? WHERE id = ?",
      {experiment.status, experiment.promoted ? Value(*experiment.promoted) : Value(nullptr),
       static_cast<int64_t>(experiment.periods.size()) - 1, number(experiment.auto_roll_back),
       to_line(variants_json(experiment.variants)), to_line(segments_json(experiment.segments)),
       to_line(Json(experiment.periods)), experiment.history, experiment.metadata, experiment.id});
}

void ExperimentTable::remove(const std::string& id) {
  database().transaction([&] {
    for (const char* table :
         {"experiment_requests", "experiment_users", "experiment_values", "completions", "feedback"})
      database().execute(format("DELETE FROM %s WHERE experiment = ?", table), {id});
    database().execute("DELETE FROM experiments WHERE id = ?", {id});
  });
}

std::vector<VariantCount> ExperimentTable::counts(const ExperimentRecord& experiment) {
  std::vector<VariantCount> counts(experiment.variants.size());
  const auto read = [&](const char* sql, int64_t VariantCount::*member) {
    for (const Row& row : database().query(sql, {experiment.id})) {
      for (size_t i = 0; i < counts.size(); ++i) {
        if (experiment.variants[i].name == row.text("variant")) counts[i].*member = row.integer("n");
      }
    }
  };
  read("SELECT variant, COUNT(*) AS n FROM experiment_users WHERE experiment = ? GROUP BY variant",
       &VariantCount::users);
  read("SELECT variant, requests AS n FROM experiment_requests WHERE experiment = ?", &VariantCount::requests);
  return counts;
}

}  // namespace hone::serve
