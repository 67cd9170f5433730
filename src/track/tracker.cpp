#include "track/tracker.h"

#include <chrono>

namespace hone::track {

using TrackerRegistry = Registry<TrackerMaker>;

#define TRACKER(name) void register_##name(TrackerRegistry& registry);
#include "track/trackers.def"
#undef TRACKER

const TrackerRegistry& trackers() {
  static const TrackerRegistry all = [] {
    TrackerRegistry registry("tracker");
#define TRACKER(name) register_##name(registry);
#include "track/trackers.def"
#undef TRACKER
    return registry;
  }();
  return all;
}

void Tracker::log_text(int64_t, double, std::string_view, std::string_view) {}

TrackerGroup::TrackerGroup(const std::vector<std::string>& names, const TrackerOptions& options,
                           const std::string& place) {
  // Every name is looked up before any file is made.
  std::vector<TrackerMaker> makers;
  for (const std::string& name : names) makers.push_back(trackers().at(name, place).make);
  for (const TrackerMaker make : makers) trackers_.push_back(make(options));
}

void TrackerGroup::log_scalars(int64_t step, double wall_time, std::span<const Scalar> scalars) {
  for (const auto& tracker : trackers_) tracker->log_scalars(step, wall_time, scalars);
}

void TrackerGroup::log_text(int64_t step, double wall_time, std::string_view name, std::string_view text) {
  for (const auto& tracker : trackers_) tracker->log_text(step, wall_time, name, text);
}

void TrackerGroup::flush() {
  for (const auto& tracker : trackers_) tracker->flush();
}

double wall_time_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<double>(std::chrono::duration_cast<std::chrono::microseconds>(now).count()) * 1e-6;
}

}  // namespace hone::track
