// A run as its folder tells it: settings, course, figures. For lists and comparisons of runs, without the engine.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hone::track {

struct RunFolder {
  std::filesystem::path path;
  std::string name;  ///< of the folder
  /// config.yaml, flat: "training.learning_rate" -> "0.0002"; a list as "[a, b]".
  std::vector<std::pair<std::string, std::string>> settings;
  /// Out of summary.json where the run has ended, else as far as metrics.jsonl goes: steps, train_loss, ….
  std::vector<std::pair<std::string, double>> figures;
  double started = 0;  ///< seconds since 1970, of the first line of metrics; 0: unknown
  bool finished = false;

  /// "" where there is none.
  std::string setting(const std::string& path) const;
  std::optional<double> figure(const std::string& name) const;
};

/// Whether the folder holds what a run writes at its start.
bool is_run(const std::filesystem::path& folder);
/// Error (with what is missing) where the folder is no run or its files are broken.
RunFolder read_run(const std::filesystem::path& folder);
/// Every run in `folder` and one level below it, oldest first; broken ones are passed to `broken`.
std::vector<RunFolder> find_runs(const std::filesystem::path& folder, std::vector<std::string>& broken);

}  // namespace hone::track
