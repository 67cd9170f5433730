// What servers tell of jobs, events and files. Read leniently: compatible servers leave fields out.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace hone::client {

struct Job {
  std::string id, model, status, training_file;
  std::string fine_tuned_model;  ///< "" until the job has succeeded
  std::vector<std::string> result_files;
  int64_t created_at = 0;  ///< Unix seconds
  std::optional<int64_t> finished_at, trained_tokens;
  std::string error_code, error_message;  ///< of a failed job
  std::string json;                       ///< the object as it came, one line

  /// Whether it is over: succeeded, failed or cancelled.
  bool ended() const { return status == "succeeded" || status == "failed" || status == "cancelled"; }
};

struct Event {
  std::string id, level, message, type;
  int64_t created_at = 0;
  /// Of a step, from `data` or else from a message "Step 3/40: training loss=1.25".
  std::optional<int64_t> step, total_steps;
  std::optional<double> train_loss;
  std::string json;
};

struct File {
  std::string id, filename, purpose;
  int64_t bytes = 0;
  std::string json;
};

template <typename Item>
struct Page {
  std::vector<Item> items;
  bool has_more = false;
};

/// Each throws Error naming `place` when the object is not one of its kind (no text `id`, above all).
Job job_from(const Json& object, const std::string& place);
Event event_from(const Json& object, const std::string& place);
File file_from(const Json& object, const std::string& place);

}  // namespace hone::client
