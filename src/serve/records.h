// The rows of the service's tables as values, and the only place that reads and writes them in SQL.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "store/database.h"

namespace hone::serve {

struct FileRecord {
  std::string id, owner, filename, purpose, sha256;
  int64_t serial = 0, created_at = 0, bytes = 0;
  std::optional<int64_t> expires_at;
};

/// What a job is doing; names are the API's.
namespace status {
inline constexpr const char *kValidating = "validating_files", *kQueued = "queued", *kRunning = "running",
                            *kPaused = "paused", *kSucceeded = "succeeded", *kFailed = "failed",
                            *kCancelled = "cancelled";
inline bool is_final(const std::string& name) {
  return name == kSucceeded || name == kFailed || name == kCancelled;
}
}  // namespace status

struct JobRecord {
  std::string id, owner, request_hash, status = status::kValidating;
  std::string model, base;  ///< as asked for, and what it stands for: a served base or a fine-tuned model
  std::string training_file, suffix, method = "supervised";
  std::string hyperparameters, metadata, integrations;  ///< JSON objects
  std::optional<std::string> validation_file, error, fine_tuned_model, result_file;
  bool legacy = false;  ///< made through /v1/fine-tunes
  int64_t serial = 0, created_at = 0, seed = 0, step = 0, total_steps = 0, attempts = 0;
  std::optional<int64_t> started_at, finished_at, trained_tokens, estimated_finish;
};

struct EventRecord {
  std::string id, job, level = "info", type = "message", message, data = "{}";
  int64_t serial = 0, created_at = 0;
};

struct CheckpointRecord {
  std::string id, job, model, metrics;
  int64_t serial = 0, created_at = 0, step = 0;
};

struct ModelRecord {
  std::string name, owner, base, folder, suffix;
  std::optional<std::string> job;
  int64_t serial = 0, created_at = 0;
};

/// A page of a list, the newest first unless `ascending`.
struct PageRequest {
  std::string after;  ///< id of the last one seen; "" from the start
  int64_t limit = 20;
  bool ascending = false;
};
template <typename Record>
struct Page {
  std::vector<Record> items;
  bool has_more = false;
};

/// Thread-safe as the database is. Serial numbers and ids of new rows are given here.
class Records {
 public:
  explicit Records(store::Database& database) : database_(database) {}
  store::Database& database() { return database_; }

  void add(FileRecord& file);
  std::optional<FileRecord> file(const std::string& id);
  /// `purpose` and `owner`: "" for any.
  Page<FileRecord> files(const PageRequest& page, const std::string& purpose, const std::string& owner);
  bool remove_file(const std::string& id);
  /// How many files have this content.
  int64_t files_with(const std::string& sha256);
  /// One with this content, name and purpose made by `owner` a few minutes ago: what a client's repeated request meant.
  std::optional<FileRecord> recent_file(const FileRecord& like);

  static std::string new_job_id(bool legacy);
  /// Under the id that it has, or a new one.
  void add(JobRecord& job);
  std::optional<JobRecord> job(const std::string& id);
  std::optional<JobRecord> recent_job(const std::string& owner, const std::string& request_hash);
  Page<JobRecord> jobs(const PageRequest& page, const std::function<bool(const JobRecord&)>& keep);
  std::vector<JobRecord> jobs_in(const std::string& status);  ///< the oldest first
  /// Writes what may change of a job, if its status in the table is still `expected`; false otherwise.
  bool update(const JobRecord& job, const std::string& expected);
  /// Changes nothing but the status, what belongs to it, and only if it is still `from`: a worker's progress may be
  /// written at the same time.
  bool move_job(const std::string& id, const std::string& from, const std::string& to,
                std::optional<int64_t> finished_at);

  void add(EventRecord event);
  Page<EventRecord> events(const std::string& job, const PageRequest& page);
  int64_t count_faults(const std::string& job);  ///< its events that are warnings or errors
  std::vector<EventRecord> events_after(const std::string& job, int64_t serial);  ///< the oldest first

  /// Replaces one of the same job and step.
  void add(CheckpointRecord& checkpoint);
  Page<CheckpointRecord> checkpoints(const std::string& job, const PageRequest& page);

  void add(ModelRecord model);
  std::optional<ModelRecord> model(const std::string& name);
  std::vector<ModelRecord> models();
  /// Of those that administrators made: the suffix is whatever a job's owner says.
  std::optional<ModelRecord> newest_model(const std::string& suffix);
  bool remove_model(const std::string& name);

  /// For a new row; within the transaction that adds it.
  int64_t next_serial(const char* table);
  /// Serial of `id`, which must be in the table; ApiError otherwise.
  int64_t serial_of(const char* table, const std::string& id);

 private:
  store::Database& database_;
};

}  // namespace hone::serve
