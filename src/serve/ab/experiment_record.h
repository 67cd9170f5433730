// An experiment as it stands in its table: variants and their models, what is measured, who sees what.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "metrics/ab/assignment.h"
#include "metrics/ab/experiment.h"
#include "serve/records.h"

namespace hone::serve {

struct ExperimentVariant {
  std::string name, model;
  std::string endpoint;  ///< of another service that answers in its place; "": this one
  double weight = 0;
};

/// Names are the API's.
namespace experiment_status {
inline constexpr const char *kRunning = "running", *kPromoted = "promoted", *kRolledBack = "rolled_back",
                            *kStopped = "stopped";
}  // namespace experiment_status

struct ExperimentRecord {
  std::string id, owner, name, status = experiment_status::kRunning;
  std::optional<std::string> promoted;  ///< the variant, while that is its status
  int64_t serial = 0, created_at = 0;
  int64_t minimum_per_variant = 100;
  double alpha = 0.05, expected = 10000;
  bool auto_roll_back = false;
  bool keeps_text = false;                   ///< prompts and answers are written down (`store`)
  std::vector<ExperimentVariant> variants;   ///< the control first
  std::vector<metrics::MetricSpec> metrics;  ///< the one that decides first
  std::vector<metrics::Assignment::Segment> segments;
  std::vector<std::vector<double>> periods;     ///< weights of each period between changes of them
  std::string history = "[]", metadata = "{}";  ///< JSON

  bool running() const { return status == experiment_status::kRunning; }
  metrics::Assignment assignment() const;
  metrics::Weights weights() const;
  const ExperimentVariant* variant(const std::string& called) const;
  const metrics::MetricSpec* metric(const std::string& called) const;
  /// Who answers this user now: what was promoted, the control, or the user's own variant. A user without a name
  /// ("") gets one by lot.
  const ExperimentVariant& answering(const std::string& user) const;
  /// One more entry {"at", "what", "by", "reason"}; the oldest go where there are very many.
  void remember(const std::string& what, const std::string& by, const std::string& reason);
};

/// How a user's name is written down: the beginning of the SHA-256 of it and the experiment, so that neither the name
/// nor what the same user did elsewhere can be read from a table.
std::string user_hash(const std::string& experiment, const std::string& user);

Json variants_json(const std::vector<ExperimentVariant>& variants);
Json metrics_json(const std::vector<metrics::MetricSpec>& specs);

/// How many saw a variant.
struct VariantCount {
  int64_t users = 0, requests = 0;
};

/// Rows of the table; thread-safe as the database is.
class ExperimentTable {
 public:
  explicit ExperimentTable(Records& records) : records_(records) {}
  store::Database& database() { return records_.database(); }

  /// Throws ApiError(409) where the owner has one of this name.
  void add(ExperimentRecord& experiment);
  std::optional<ExperimentRecord> by_id(const std::string& id);
  std::optional<ExperimentRecord> by_name(const std::string& owner, const std::string& name);
  /// Of any owner, the newest.
  std::optional<ExperimentRecord> by_name(const std::string& name);
  /// `owner`: "" for any.
  Page<ExperimentRecord> page(const PageRequest& page, const std::string& owner);
  std::vector<ExperimentRecord> all();
  /// Writes what may change.
  void update(const ExperimentRecord& experiment);
  /// With everything that belongs to it.
  void remove(const std::string& id);
  /// In the order of the variants.
  std::vector<VariantCount> counts(const ExperimentRecord& experiment);

 private:
  std::optional<ExperimentRecord> first(const std::vector<store::Row>& rows);
  Records& records_;
};

}  // namespace hone::serve
