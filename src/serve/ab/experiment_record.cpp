#include "serve/ab/experiment_record.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "serve/ids.h"
#include "serve/paging.h"
#include "store/sha256.h"

namespace hone::serve {
namespace {

constexpr size_t kLongestHistory = 1000, kHashLength = 32;

}  // namespace

metrics::Assignment ExperimentRecord::assignment() const {
  std::vector<std::string> names;
  for (const ExperimentVariant& one : variants) names.push_back(one.name);
  return metrics::Assignment::restored(name, std::move(names), segments);
}

metrics::Weights ExperimentRecord::weights() const {
  metrics::Weights weights;
  for (const ExperimentVariant& one : variants) weights.emplace_back(one.name, one.weight);
  return weights;
}

const ExperimentVariant* ExperimentRecord::variant(const std::string& called) const {
  const auto found =
      std::find_if(variants.begin(), variants.end(), [&](const auto& one) { return one.name == called; });
  return found == variants.end() ? nullptr : &*found;
}

const metrics::MetricSpec* ExperimentRecord::metric(const std::string& called) const {
  const auto found = std::find_if(metrics.begin(), metrics.end(), [&](const auto& one) { return one.name == called; });
  return found == metrics.end() ? nullptr : &*found;
}

const ExperimentVariant& ExperimentRecord::answering(const std::string& user) const {
  if (status == experiment_status::kRolledBack) return variants.front();
  if (promoted) {
    if (const ExperimentVariant* one = variant(*promoted)) return *one;
  }
  return *variant(assignment().variant_of(user.empty() ? random_letters(24) : user));
}

void ExperimentRecord::remember(const std::string& what, const std::string& by, const std::string& reason) {
  Json entries = parse_json(history, "history");
  if (entries.size() >= kLongestHistory) entries.erase(entries.begin());
  entries.push_back({{"at", unix_now()}, {"what", what}, {"by", by}, {"reason", reason}});
  history = to_line(entries);
}

std::string user_hash(const std::string& experiment, const std::string& user) {
  return store::sha256_of(experiment + ":" + user).substr(0, kHashLength);
}

Json variants_json(const std::vector<ExperimentVariant>& variants) {
  Json list = Json::array();
  for (const ExperimentVariant& one : variants) {
    list.push_back({{"name", one.name},
                    {"model", one.model},
                    {"endpoint", one.endpoint.empty() ? Json(nullptr) : Json(one.endpoint)},
                    {"weight", one.weight}});
  }
  return list;
}

Json metrics_json(const std::vector<metrics::MetricSpec>& specs) {
  Json list = Json::array();
  for (const metrics::MetricSpec& spec : specs) {
    list.push_back({{"name", spec.name},
                    {"kind", spec.kind == metrics::MetricKind::kBinary ? "binary" : "mean"},
                    {"higher_is_better", spec.higher_is_better},
                    {"max_worsening", json_or_null(spec.max_worsening)}});
  }
  return list;
}

}  // namespace hone::serve
