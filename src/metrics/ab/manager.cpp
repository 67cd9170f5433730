#include "metrics/ab/manager.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/strings.h"
#include "metrics/ab/effect.h"
#include "metrics/ab/experiment.h"

namespace hone::metrics {

ABTestManager::ABTestManager(const std::vector<std::pair<std::string, std::string>>& models,
                             const Weights& traffic_split, const std::string& experiment)
    : assignment_(experiment, traffic_split) {
  for (const auto& [name, model] : models) {
    const auto same = [&, &group = name](const auto& other) { return other.first == group; };
    if (std::count_if(models.begin(), models.end(), same) > 1)
      fail_input("models", "names group \"" + excerpt(name, 60) + "\" twice");
    if (std::none_of(traffic_split.begin(), traffic_split.end(), same)) {
      fail_input("traffic_split", "has no share for group \"" + excerpt(name, 60) + "\"", "give it one; 0 is allowed");
    }
    groups_.push_back({name, model});
  }
  for (const std::string& name : assignment_.variants()) {
    if (std::none_of(groups_.begin(), groups_.end(), [&](const Group& group) { return group.name == name; })) {
      fail_input("models", "has no model for group \"" + excerpt(name, 60) + "\" of the traffic split",
                 "name its model, or leave the group out");
    }
  }
}

const std::string& ABTestManager::assign_group(std::string_view user_id) const {
  return assignment_.variant_of(user_id);
}

size_t ABTestManager::group_called(const std::string& name) const {
  const auto found =
      std::find_if(groups_.begin(), groups_.end(), [&](const Group& group) { return group.name == name; });
  return static_cast<size_t>(found - groups_.begin());
}

const std::string& ABTestManager::get_model_for_user(std::string_view user_id) const {
  return groups_[group_called(assign_group(user_id))].model;
}

void ABTestManager::record_feedback(std::string_view user_id, bool positive) {
  Group& group = groups_[group_called(assign_group(user_id))];
  const std::lock_guard lock(mutex_);
  ++group.count;
  group.feedback_positive += positive;
}

Json ABTestManager::get_statistics() const {
  const std::lock_guard lock(mutex_);
  Json statistics = Json::object();
  for (const Group& group : groups_) {
    if (group.count == 0) continue;
    const Estimate rate = estimate(MetricKind::kBinary, Moments::of_binary(group.feedback_positive, group.count));
    statistics[group.name] = {{"total_requests", group.count},
                              {"positive_rate", rate.mean},
                              {"model", group.model},
                              {"interval", to_json(rate.fixed)},
                              {"interval_anytime", to_json(rate.anytime)}};
  }
  return statistics;
}

}  // namespace hone::metrics
