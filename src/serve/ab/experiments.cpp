#include "serve/ab/experiments.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "serve/ab/statistics.h"
#include "serve/api_error.h"
#include "serve/paging.h"

namespace hone::serve {
namespace {

Caller owner_of(const ExperimentRecord& experiment) {
  // Whether its owner may use the models was asked when it was made.
  return {experiment.owner, Role::kAdmin};
}

}  // namespace

Experiments::Experiments(Records& records, Catalog& catalog, std::set<std::string> endpoints)
    : catalog_(catalog), endpoints_(std::move(endpoints)), table_(records), figures_(records.database()) {}

bool Experiments::means_something_else(const std::string& name) const {
  return catalog_.is_fixed(name) || reserved_.contains(name) || starts_with(name, "ft:");
}

ExperimentRecord Experiments::create(ExperimentRecord experiment, const Caller& caller) {
  if (means_something_else(experiment.name)) {
    throw ApiError(409, "The name " + experiment.name + " is a model's. Take another.", "name", "model_exists");
  }
  for (size_t i = 0; i < experiment.variants.size(); ++i) {
    const ExperimentVariant& variant = experiment.variants[i];
    const std::string path = format("variants[%zu].", i);
    if (!variant.endpoint.empty()) {
      if (endpoints_.contains(variant.endpoint)) continue;
      refuse("Invalid '" + path + "endpoint': this server knows no endpoint " + variant.endpoint +
                 ". Its operator names them: hone serve --endpoint NAME=URL.",
             path + "endpoint", "invalid_value");
    }
    try {
      catalog_.find(variant.model, caller);
    } catch (const ApiError& error) {
      throw ApiError(error.status(), error.what(), path + "model", "model_not_found");
    }
  }
  experiment.owner = caller.owner;
  experiment.remember("created", caller.owner, "");
  table_.add(experiment);
  return experiment;
}

ExperimentRecord Experiments::get(const std::string& id_or_name, const Caller& caller) {
  std::optional<ExperimentRecord> found = table_.by_id(id_or_name);
  if (!found) found = named(id_or_name, caller);
  if (!found || !caller.sees(found->owner)) {
    refuse_unknown("No such experiment: " + excerpt(id_or_name, 80), "experiment", "experiment_not_found");
  }
  return *std::move(found);
}

std::optional<ExperimentRecord> Experiments::named(const std::string& model, const Caller& caller) {
  if (means_something_else(model)) return std::nullopt;
  std::optional<ExperimentRecord> found = table_.by_name(caller.owner, model);
  if (!found && caller.role == Role::kAdmin) found = table_.by_name(model);
  return found;
}

Page<ExperimentRecord> Experiments::page(const PageRequest& page, const Caller& caller) {
  return table_.page(page, caller.role == Role::kAdmin ? "" : caller.owner);
}

ExperimentRecord Experiments::edit(const std::string& id, const Caller& caller,
                                   const std::function<void(ExperimentRecord&)>& change) {
  ExperimentRecord experiment;
  table_.database().transaction([&] {
    experiment = get(id, caller);
    change(experiment);
    table_.update(experiment);
  });
  return experiment;
}

ExperimentRecord Experiments::change(const std::string& id, const Json& body, const Caller& caller) {
  return edit(id, caller, [&](ExperimentRecord& experiment) {
    const ExperimentChange change = read_change(body, experiment);
    if (change.weights && *change.weights != experiment.weights()) {
      experiment.segments = experiment.assignment().reweighted(*change.weights).segments();
      std::vector<double> weights;
      std::vector<std::string> told;
      for (size_t i = 0; i < experiment.variants.size(); ++i) {
        experiment.variants[i].weight = (*change.weights)[i].second;
        weights.push_back(experiment.variants[i].weight);
        told.push_back(format("%s %g", experiment.variants[i].name.c_str(), weights.back()));
      }
      experiment.periods.push_back(std::move(weights));
      experiment.remember("reweighted", caller.owner, join(told, ", "));
    }
    if (change.metadata) experiment.metadata = *change.metadata;
    if (change.auto_roll_back) experiment.auto_roll_back = *change.auto_roll_back;
  });
}

ExperimentRecord Experiments::become(const std::string& id, const char* status, const Caller& caller, const char* what,
                                     const std::string& reason) {
  return edit(id, caller, [&](ExperimentRecord& experiment) {
    if (experiment.status == status) return;
    experiment.status = status;
    experiment.promoted.reset();
    experiment.remember(what, caller.owner, reason);
  });
}

ExperimentRecord Experiments::promote(const std::string& id, const std::string& variant, const Caller& caller) {
  return edit(id, caller, [&](ExperimentRecord& experiment) {
    if (experiment.variant(variant) == nullptr) {
      refuse("Invalid 'variant': the experiment has no variant \"" + excerpt(variant, 60) + "\".", "variant",
             "invalid_value");
    }
    if (experiment.promoted == variant) return;
    experiment.status = experiment_status::kPromoted;
    experiment.promoted = variant;
    experiment.remember("promoted", caller.owner, variant);
  });
}

ExperimentRecord Experiments::roll_back(const std::string& id, const std::string& reason, const Caller& caller) {
  return become(id, experiment_status::kRolledBack, caller, "rolled_back", reason);
}

ExperimentRecord Experiments::resume(const std::string& id, const Caller& caller) {
  return become(id, experiment_status::kRunning, caller, "resumed", "");
}

ExperimentRecord Experiments::stop(const std::string& id, const Caller& caller) {
  return become(id, experiment_status::kStopped, caller, "stopped", "");
}

void Experiments::remove(const std::string& id, const Caller& caller) {
  table_.remove(get(id, caller).id);
}

ServedModel Experiments::model_of(const ExperimentRecord& experiment, const ExperimentVariant& variant) {
  if (!variant.endpoint.empty()) return {variant.model, {}, experiment.created_at, experiment.owner};
  return catalog_.find(variant.model, owner_of(experiment));
}

ServedModel Experiments::served(const ExperimentRecord& experiment) {
  return {experiment.name, {}, experiment.created_at, experiment.owner};
}

std::vector<ServedModel> Experiments::models(const Caller& caller) {
  std::vector<ServedModel> models;
  for (const ExperimentRecord& one : table_.all()) {
    if (caller.sees(one.owner)) models.push_back(served(one));
  }
  return models;
}

Json Experiments::json(const ExperimentRecord& experiment) {
  Json variants = variants_json(experiment.variants);
  const std::vector<VariantCount> counts = table_.counts(experiment);
  for (size_t i = 0; i < counts.size(); ++i) {
    variants[i]["users"] = counts[i].users;
    variants[i]["requests"] = counts[i].requests;
  }
  return {{"id", experiment.id},
          {"object", "experiment"},
          {"name", experiment.name},
          {"status", experiment.status},
          {"promoted", json_or_null(experiment.promoted)},
          {"created_at", experiment.created_at},
          {"variants", std::move(variants)},
          {"metrics", metrics_json(experiment.metrics)},
          {"minimum_per_variant", experiment.minimum_per_variant},
          {"alpha", experiment.alpha},
          {"expected", experiment.expected},
          {"auto_roll_back", experiment.auto_roll_back},
          {"store", experiment.keeps_text},
          {"metadata", parse_json(experiment.metadata, experiment.id)},
          {"history", parse_json(experiment.history, experiment.id)}};
}

Json Experiments::statistics(const ExperimentRecord& experiment, Language language) {
  return statistics_json(table_.database(), experiment, figures_.of(experiment), language);
}

void Experiments::check_guards(const std::string& id) {
  const std::optional<ExperimentRecord> experiment = table_.by_id(id);
  if (!experiment || !experiment->running() || !experiment->auto_roll_back) return;
  const metrics::Experiment figures = figures_.of(*experiment);
  for (const metrics::TreatmentResult& one : analyse(figures, analysis_options(*experiment)).treatments) {
    for (const metrics::GuardResult& guard : one.guards) {
      if (guard.state != metrics::Guard::kBreached) continue;
      const Caller self{.owner = "auto_roll_back", .role = Role::kAdmin};
      edit(id, self, [&](ExperimentRecord& now) {
        if (!now.running()) return;  // somebody decided meanwhile
        now.status = experiment_status::kRolledBack;
        now.remember("rolled_back", self.owner, "guard rail " + guard.metric + " of " + one.name + " is breached");
      });
      return;
    }
  }
}

}  // namespace hone::serve
