// metrics.jsonl: one JSON object a line with "step", "wall_time" and the scalars of that step. The file
// that tools read, and that a run reads back when it goes on from a checkpoint. NaN and infinities,
// which JSON has no numbers for, are written as the strings "NaN", "Infinity" and "-Infinity".
#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "track/append_file.h"
#include "track/tracker.h"

namespace hone::track {

struct MetricsRow {
  int64_t step = 0;
  double wall_time = 0;                                 ///< 0 where the line has none
  std::vector<std::pair<std::string, double>> scalars;  ///< every other field that holds a number
};

struct MetricsLog {
  std::vector<MetricsRow> rows;
  std::vector<size_t> row_ends;  ///< byte after each row's line, its \n included
  bool torn = false;             ///< the last line was cut short (a process was killed) and is left out
};

/// Blank lines are skipped and a last line without \n that is no whole object is left out; any other
/// fault throws Error naming `source` and line.
MetricsLog parse_metrics(std::string_view content, const std::string& source);
/// A missing file is an error.
MetricsLog read_metrics(const std::filesystem::path& path);

/// The line for one row, \n included.
std::string metrics_line(int64_t step, double wall_time, std::span<const Scalar> scalars);

/// Rewrites the file (whole or not at all) without the rows of later steps and without a torn line.
/// A missing file is left missing.
void drop_metrics_after(const std::filesystem::path& path, int64_t last_step);

}  // namespace hone::track
