// What an experiment's table of values says, by metrics/ab/experiment.h. The unit is the user: one number a user and
// metric, the mean of what was observed of that user.
#pragma once
#include "base/language.h"
#include "serve/ab/experiment_record.h"

namespace hone::serve {

/// Each user's values on the way into the tables; within a transaction.
class UserValues {
 public:
  explicit UserValues(store::Database& database) : database_(database) {}
  /// One more observation.
  void add(const std::string& experiment, const std::string& metric, const std::string& variant,
           const std::string& user_hash, double value);
  /// Instead of what was there; no observations: nothing is left.
  void set(const std::string& experiment, const std::string& metric, const std::string& variant,
           const std::string& user_hash, int64_t observations, double total);
  /// Counts the user where it is new.
  void seen(const std::string& experiment, const std::string& variant, const std::string& user_hash, int64_t period);

 private:
  store::Database& database_;
};

/// The experiment's own metrics, then those automatic ones that it does not name. A metric of yes and no of which some
/// user said both is a mean of shares from then on.
metrics::Experiment read_figures(store::Database& database, const ExperimentRecord& experiment);
metrics::AnalysisOptions analysis_options(const ExperimentRecord& experiment);

/// {"object": "experiment.statistics", …, "groups": what ABTestManager::get_statistics() says of the same feedback}
Json statistics_json(store::Database& database, const ExperimentRecord& experiment, const metrics::Experiment& figures,
                     Language language);

}  // namespace hone::serve
