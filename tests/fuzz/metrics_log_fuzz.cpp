// The reader of metrics.jsonl: any bytes give rows or an Error, and rows survive being written again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "track/metrics_log.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hone::track;
  try {
    const MetricsLog log = parse_metrics({reinterpret_cast<const char*>(data), size}, "input");
    for (const MetricsRow& row : log.rows) {
      std::vector<Scalar> scalars;
      for (const auto& [name, value] : row.scalars) scalars.push_back({name, value});
      const MetricsLog again = parse_metrics(metrics_line(row.step, row.wall_time, scalars), "again");
      if (again.rows.size() != 1 || again.torn || again.rows[0].step != row.step) std::abort();
    }
  } catch (const hone::Error&) {
  }
  return 0;
}
