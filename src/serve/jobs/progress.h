// What a running worker has written so far: lines of metrics.jsonl, steps of checkpoints.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "track/metrics_log.h"

namespace hone::serve {

/// The figures of one step: those of its training line, and of its evaluation if there was one.
struct StepMetrics {
  int64_t step = 0;
  std::optional<double> train_loss, train_accuracy, full_valid_loss, full_valid_accuracy;
  double tokens = 0, tokens_per_second = 0;
};

/// By number of the step.
using StepTable = std::map<int64_t, StepMetrics>;
/// A step that is made again after a restart has the same figures again.
void add_row(StepTable& steps, const track::MetricsRow& row);

/// Reads a growing metrics.jsonl from where it stopped before.
class MetricsTail {
 public:
  explicit MetricsTail(std::filesystem::path path) : path_(std::move(path)) {}
  /// New whole lines. A file that another has taken the place of (a worker began again at a checkpoint) is read from
  /// the start.
  std::vector<track::MetricsRow> read();

 private:
  std::filesystem::path path_;
  uint64_t file_ = 0;  ///< number of the file that was read
  size_t read_ = 0;
};

/// Steps of the whole checkpoint-N folders in `run`, ascending.
std::vector<int64_t> checkpoint_steps(const std::filesystem::path& run);

/// step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy: the file that OpenAI's jobs leave.
std::string result_csv(const StepTable& steps);

/// How an epoch goes: the last of its batches may be smaller.
struct EpochPlan {
  int64_t steps = 1, batch_size = 1, examples = 0;
};
/// The columns of the API before that. Sequences are not counted as right or wrong: blank.
std::string legacy_result_csv(const StepTable& steps, const EpochPlan& epoch);

/// `text` with each folder's path cut to its name: clients need not know where the server keeps things.
std::string without_folders(std::string text, const std::vector<std::filesystem::path>& folders);

/// What a worker said of its end: {"error": {"kind", "place", "message", "fix"}} in its output; "" where it said
/// nothing.
struct WorkerFault {
  std::string kind, text;
};
WorkerFault fault_in(const std::string& output);

}  // namespace hone::serve
