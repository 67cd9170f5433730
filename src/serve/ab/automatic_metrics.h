// What is measured of every answer without anybody's doing.
#pragma once
#include <array>

#include "metrics/ab/experiment.h"

namespace hone::serve {

namespace automatic {
inline constexpr const char *kLatency = "latency_ms",  ///< from the request to the last token
    *kFirstToken = "time_to_first_token_ms", *kTokens = "completion_tokens",
                            *kError = "error";  ///< 1: the server or its endpoint failed
}  // namespace automatic

inline std::array<metrics::MetricSpec, 4> automatic_metrics() {
  using metrics::MetricKind;
  return {{{automatic::kLatency, MetricKind::kMean, false, {}},
           {automatic::kFirstToken, MetricKind::kMean, false, {}},
           {automatic::kTokens, MetricKind::kMean, false, {}},
           {automatic::kError, MetricKind::kBinary, false, {}}}};
}

/// The one of this name, or nothing.
inline std::optional<metrics::MetricSpec> automatic_metric(const std::string& name) {
  for (const metrics::MetricSpec& spec : automatic_metrics()) {
    if (spec.name == name) return spec;
  }
  return std::nullopt;
}

}  // namespace hone::serve
