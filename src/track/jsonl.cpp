// Tracker "jsonl": metrics.jsonl in the run's folder (format: metrics_log.h).
#include <limits>

#include "track/metrics_log.h"

namespace hone::track {
namespace {

class JsonlTracker : public Tracker {
 public:
  explicit JsonlTracker(const TrackerOptions& options)
      : file_(repaired(options.folder / "metrics.jsonl", options.resume_after_step)) {}

  void log_scalars(int64_t step, double wall_time, std::span<const Scalar> scalars) override {
    file_.append(metrics_line(step, wall_time, scalars));
  }

  void flush() override { file_.sync(); }

 private:
  /// A torn last line is taken off even without resuming: the next line would be glued to it.
  static std::filesystem::path repaired(std::filesystem::path path, std::optional<int64_t> last_step) {
    drop_metrics_after(path, last_step.value_or(std::numeric_limits<int64_t>::max()));
    return path;
  }

  AppendFile file_;
};

}  // namespace

void register_jsonl(Registry<TrackerMaker>& registry) {
  registry.add(
      {"jsonl", "metrics.jsonl, one JSON object a step", [](const TrackerOptions& options) -> std::unique_ptr<Tracker> {
         return std::make_unique<JsonlTracker>(options);
       }});
}

}  // namespace hone::track
