// Feedback as it stands in its table, and the completions that it is about.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "serve/ab/experiment_record.h"

namespace hone::serve {

/// A completion that was written down: one of an experiment, or one whose text is kept.
struct CompletionRecord {
  std::string id, owner, model;
  std::optional<std::string> experiment, variant, user_hash;
  std::optional<std::string> prompt, answers;  ///< JSON: what was asked with, and a message or a text each choice
  int64_t created_at = 0, choices = 1;
  bool counted = false;
};

struct FeedbackRecord {
  std::string id, owner, request_hash;
  std::optional<std::string> completion, experiment, variant, user_hash;
  std::optional<std::string> thumb, correction, comment;  ///< thumb: "up" or "down"
  std::optional<double> score;
  std::map<std::string, double> metrics;
  int64_t serial = 0, created_at = 0, choice = 0;
  bool counted = false;
};

/// Thread-safe as the database is.
class FeedbackTable {
 public:
  explicit FeedbackTable(Records& records) : records_(records) {}
  store::Database& database() { return records_.database(); }

  std::optional<CompletionRecord> completion(const std::string& id);
  /// Takes the place of what was said of the same completion and choice before. `experiment`: the one it belongs to;
  /// the user's figures in it change in the same transaction.
  void put(FeedbackRecord& feedback, const ExperimentRecord* experiment);
  std::optional<FeedbackRecord> feedback(const std::string& id);
  /// What a client's repeated request made a few minutes ago.
  std::optional<FeedbackRecord> recent(const std::string& owner, const std::string& request_hash);
  /// `owner`, `experiment`: "" for any.
  Page<FeedbackRecord> page(const PageRequest& page, const std::string& owner, const std::string& experiment);
  void remove(const FeedbackRecord& feedback, const ExperimentRecord* experiment);

 private:
  /// Counts again what a user has said in an experiment.
  void refresh(const ExperimentRecord& experiment, const std::string& variant, const std::string& user_hash);
  Records& records_;
};

}  // namespace hone::serve
