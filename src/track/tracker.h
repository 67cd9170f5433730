// Where a run's figures go while it trains: trackers by name, each writing into the run's folder.
//
//   TrackerGroup trackers({"jsonl", "tensorboard"}, {.folder = "runs/first"}, "config.yaml:9: tracking");
//   trackers.log_scalars(10, wall_time_now(), {{{"loss", 2.31}, {"learning_rate", 1e-4}}});
//
// A logged row has been handed to the operating system when log_scalars() returns, so it outlives the
// process being killed; flush() also waits for the disk, for the moments at which a checkpoint is saved.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/registry.h"

namespace hone::track {

struct Scalar {
  std::string_view name;
  double value;  ///< NaN and infinities are kept by every tracker
};

class Tracker {
 public:
  virtual ~Tracker() = default;
  /// `wall_time` in seconds since 1970. Steps normally grow; an equal step adds a further row.
  virtual void log_scalars(int64_t step, double wall_time, std::span<const Scalar> scalars) = 0;
  /// For samples and notes; a tracker of numbers alone ignores them.
  virtual void log_text(int64_t step, double wall_time, std::string_view name, std::string_view text);
  virtual void flush() = 0;
};

struct TrackerOptions {
  std::filesystem::path folder;  ///< made if missing
  /// Set when a run goes on from a checkpoint: what was logged for later steps is taken back, so that
  /// no step is shown twice (-1 takes back everything). Unset, new rows come after the old ones.
  std::optional<int64_t> resume_after_step = {};
};

using TrackerMaker = std::unique_ptr<Tracker> (*)(const TrackerOptions& options);
const Registry<TrackerMaker>& trackers();

/// Sends everything to several trackers.
class TrackerGroup : public Tracker {
 public:
  /// `place` says where the names were read; an unknown name throws Error.
  TrackerGroup(const std::vector<std::string>& names, const TrackerOptions& options, const std::string& place);
  void log_scalars(int64_t step, double wall_time, std::span<const Scalar> scalars) override;
  void log_text(int64_t step, double wall_time, std::string_view name, std::string_view text) override;
  void flush() override;

 private:
  std::vector<std::unique_ptr<Tracker>> trackers_;
};

/// Seconds since 1970, with microseconds.
double wall_time_now();

}  // namespace hone::track
