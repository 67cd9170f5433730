#include "serve/ab/experiment_request.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/strings.h"
#include "serve/ab/automatic_metrics.h"
#include "serve/api_error.h"
#include "serve/metadata.h"

namespace hone::serve {
namespace {

constexpr size_t kMostVariants = 20, kMostMetrics = 20;
constexpr int64_t kLongestName = 64, kLongestModel = 200;
constexpr double kMost = 1e12;

/// A word that can stand in an address and a header: no ':', which parts an experiment from its users.
std::string read_name(const Fields& fields, const char* key = "name") {
  std::string name = fields.text(key, 1, kLongestName);
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && c != '-' && c != '_' && c != '.') {
      refuse("Invalid '" + fields.path(key) + "': a name has letters, digits, '-', '_' and '.'.", fields.path(key),
             "invalid_value");
    }
  }
  // An address would lead elsewhere.
  if (name == "." || name == "..")
    refuse("Invalid '" + fields.path(key) + "': a name is more than dots.", fields.path(key), "invalid_value");
  return name;
}

/// The objects of a list, each with its path.
template <typename Read>
void each(const Fields& fields, const char* key, size_t least, size_t most, const Read& read) {
  const Json* list = fields.array(key);
  if (list == nullptr) fields.missing(key);
  if (list->size() < least || list->size() > most) {
    refuse(format("Invalid '%s': expected an array of %zu to %zu elements, but got %zu.", fields.path(key).c_str(),
                  least, most, list->size()),
           fields.path(key), list->size() < least ? "array_below_min_length" : "array_above_max_length");
  }
  for (size_t i = 0; i < list->size(); ++i) {
    const std::string path = format("%s[%zu]", fields.path(key).c_str(), i);
    if (!(*list)[i].is_object()) refuse("Invalid type for '" + path + "': expected an object.", path, "invalid_type");
    read(Fields((*list)[i], path));
  }
}

template <typename Named>
void refuse_twice(const std::vector<Named>& named, const std::string& name, const Fields& fields) {
  if (std::none_of(named.begin(), named.end(), [&](const Named& one) { return one.name == name; })) return;
  refuse("Invalid '" + fields.path("name") + "': \"" + name + "\" is there twice.", fields.path("name"),
         "invalid_value");
}

ExperimentVariant read_variant(const Fields& fields) {
  fields.only({"name", "model", "weight", "endpoint"});
  ExperimentVariant variant;
  variant.name = read_name(fields);
  variant.model = fields.text("model", 1, kLongestModel);
  for (const char c : variant.model) {
    if (static_cast<unsigned char>(c) < 0x20)
      refuse("Invalid '" + fields.path("model") + "': it holds a control character.", fields.path("model"),
             "invalid_value");
  }
  variant.endpoint = fields.optional_text("endpoint", 1, kLongestName).value_or("");
  const auto weight = fields.number("weight", 0, 1);
  if (!weight) fields.missing("weight");
  variant.weight = *weight;
  return variant;
}

metrics::MetricSpec read_metric(const Fields& fields) {
  fields.only({"name", "kind", "higher_is_better", "max_worsening"});
  metrics::MetricSpec spec{.name = read_name(fields)};
  const auto kind = fields.choice("kind", {"binary", "mean"});
  if (kind) spec.kind = *kind == "binary" ? metrics::MetricKind::kBinary : metrics::MetricKind::kMean;
  if (const auto known = automatic_metric(spec.name)) {
    if (kind && spec.kind != known->kind) {
      refuse("Invalid '" + fields.path("kind") + "': " + spec.name + " is measured by the server and has another kind.",
             fields.path("kind"), "invalid_value");
    }
    spec = *known;
  } else if (!kind) {
    fields.missing("kind");
  }
  if (spec.name == "positive" && spec.kind != metrics::MetricKind::kBinary) {
    refuse("Invalid '" + fields.path("kind") + "': positive counts thumbs, so it is binary.", fields.path("kind"),
           "invalid_value");
  }
  spec.higher_is_better = fields.boolean("higher_is_better").value_or(spec.higher_is_better);
  spec.max_worsening = fields.number("max_worsening", 0, kMost);
  return spec;
}

[[noreturn]] void refuse_weights(const Error& error, const char* param) {
  refuse("Invalid '" + std::string(param) + "': " + error.message() + ".", param, "invalid_value");
}

}  // namespace

ExperimentRecord read_experiment(const Json& body) {
  const Fields fields(body);
  fields.only({"name", "variants", "metrics", "minimum_per_variant", "alpha", "expected", "auto_roll_back", "store",
               "metadata"});
  ExperimentRecord experiment;
  experiment.name = read_name(fields);
  each(fields, "variants", 2, kMostVariants, [&](const Fields& one) {
    ExperimentVariant variant = read_variant(one);
    refuse_twice(experiment.variants, variant.name, one);
    experiment.variants.push_back(std::move(variant));
  });
  if (fields.has("metrics")) {
    each(fields, "metrics", 1, kMostMetrics, [&](const Fields& one) {
      metrics::MetricSpec spec = read_metric(one);
      refuse_twice(experiment.metrics, spec.name, one);
      experiment.metrics.push_back(std::move(spec));
    });
  } else {
    experiment.metrics.push_back({.name = "positive"});
  }
  experiment.minimum_per_variant = fields.integer("minimum_per_variant", 1, 1'000'000'000).value_or(100);
  experiment.alpha = fields.number("alpha", 1e-9, 0.5).value_or(experiment.alpha);
  experiment.expected = fields.number("expected", 1, kMost).value_or(experiment.expected);
  experiment.auto_roll_back = fields.boolean("auto_roll_back").value_or(false);
  experiment.keeps_text = fields.boolean("store").value_or(false);
  experiment.metadata = to_line(read_metadata(fields));
  try {
    experiment.segments = metrics::Assignment(experiment.name, experiment.weights()).segments();
  } catch (const Error& error) {
    refuse_weights(error, "variants");
  }
  std::vector<double> weights;
  for (const ExperimentVariant& one : experiment.variants) weights.push_back(one.weight);
  experiment.periods.push_back(std::move(weights));
  return experiment;
}

ExperimentChange read_change(const Json& body, const ExperimentRecord& experiment) {
  const Fields fields(body);
  fields.only({"weights", "metadata", "auto_roll_back"});
  ExperimentChange change;
  if (const Json* given = fields.object("weights")) {
    const Fields shares(*given, "weights");
    for (const auto& [name, share] : given->items()) {
      if (experiment.variant(name) == nullptr) {
        refuse("Invalid 'weights': the experiment has no variant \"" + excerpt(name, 60) + "\".", "weights",
               "invalid_value");
      }
    }
    change.weights.emplace();
    for (const ExperimentVariant& one : experiment.variants) {
      const auto share = shares.number(one.name, 0, 1);
      if (!share) shares.missing(one.name);
      change.weights->emplace_back(one.name, *share);
    }
    try {
      metrics::Assignment(experiment.name, *change.weights);
    } catch (const Error& error) {
      refuse_weights(error, "weights");
    }
  }
  if (fields.has("metadata")) change.metadata = to_line(read_metadata(fields));
  change.auto_roll_back = fields.boolean("auto_roll_back");
  return change;
}

}  // namespace hone::serve
