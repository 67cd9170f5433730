// A running A/B test of models in memory: who gets which model, what they thought of it, and the figures so far. May
// be used by several threads at once.
#pragma once
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "metrics/ab/assignment.h"

namespace hone::metrics {

class ABTestManager {
 public:
  /// `models`: group -> model, e.g. {"control", "gpt-4o-mini"}. `traffic_split`: group -> share; the same groups, each
  /// once, shares that sum to 1. Else Error. Users of two tests are divided independently when their `experiment`
  /// names differ.
  ABTestManager(const std::vector<std::pair<std::string, std::string>>& models, const Weights& traffic_split,
                const std::string& experiment = "default");

  /// The same group for the same user, always (assignment.h).
  const std::string& assign_group(std::string_view user_id) const;
  const std::string& get_model_for_user(std::string_view user_id) const;
  void record_feedback(std::string_view user_id, bool positive);
  /// {group: {"total_requests", "positive_rate", "model", "interval", "interval_anytime"}} of the groups that have
  /// feedback, in the order of `models`. The intervals are of the rate at 95%: Wilson's, and one that is valid at every
  /// look.
  Json get_statistics() const;

 private:
  struct Group {
    std::string name, model;
    uint64_t count = 0, feedback_positive = 0;
  };
  size_t group_called(const std::string& name) const;

  Assignment assignment_;
  std::vector<Group> groups_;
  mutable std::mutex mutex_;  ///< of the counts
};

}  // namespace hone::metrics
