// Tracker "tensorboard": event files in the run's folder, for `tensorboard --logdir`. Going on from a
// checkpoint starts a new file that tells TensorBoard which steps of the earlier ones to forget.
#include "base/strings.h"
#include "track/event_file.h"

namespace hone::track {
namespace {

class TensorboardTracker : public Tracker {
 public:
  explicit TensorboardTracker(const TrackerOptions& options) : file_(options.folder) {
    if (options.resume_after_step) file_.add(restart_event(*options.resume_after_step + 1, wall_time_now()));
  }

  void log_scalars(int64_t step, double wall_time, std::span<const Scalar> scalars) override {
    if (!scalars.empty()) file_.add(scalars_event(step, wall_time, scalars));
  }

  void log_text(int64_t step, double wall_time, std::string_view name, std::string_view text) override {
    file_.add(text_event(step, wall_time, name, text));
  }

  void flush() override { file_.sync(); }

 private:
  EventFile file_;
};

}  // namespace

void register_tensorboard(Registry<TrackerMaker>& registry) {
  registry.add({"tensorboard", "event files for TensorBoard: scalars and texts",
                [](const TrackerOptions& options) -> std::unique_ptr<Tracker> {
                  return std::make_unique<TensorboardTracker>(options);
                }});
}

}  // namespace hone::track
