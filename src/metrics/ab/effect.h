// Two variants side by side on one metric: how large the difference is and how sure, for one look at a size fixed
// beforehand (`fixed`) and for looking all the time (`anytime`).
#pragma once
#include <cstdint>
#include <optional>

#include "metrics/statistics.h"

namespace hone::metrics {

/// Number, mean and spread of observations as they come (Welford 1962); no observation is kept.
struct Moments {
  uint64_t count = 0;
  double mean = 0;
  double squares = 0;  ///< sum of (x - mean)²

  void add(double value);
  /// As if the other's observations had been added here (Chan, Golub and LeVeque 1979).
  void merge(const Moments& other);
  /// Divides by count - 1; 0 for fewer than two.
  double variance() const;
  /// Of `successes` ones and the rest zeros.
  static Moments of_binary(uint64_t successes, uint64_t count);
};

enum class MetricKind {
  kBinary,  ///< yes or no, 1 or 0: thumbs, solved or not
  kMean,    ///< any number: a score, milliseconds, tokens
};

struct EffectOptions {
  double alpha = 0.05;      ///< intervals are of 1 - alpha
  double expected = 10000;  ///< observations of both variants where the anytime interval is to be tightest
};

/// One variant alone.
struct Estimate {
  uint64_t count = 0;
  double mean = 0;
  Interval fixed;    ///< binary: Wilson; mean: Student's t
  Interval anytime;  ///< binary: share_sequence; mean: AsymptoticSequence
};

/// `count` ≥ 1; a mean of one observation has an interval without bounds.
Estimate estimate(MetricKind kind, const Moments& data, const EffectOptions& options = {});

/// Treatment less control.
struct Effect {
  double difference = 0;
  Interval fixed;    ///< binary: Newcombe 1998, method 10 (Wilson's intervals joined); mean: Welch 1947
  Interval anytime;  ///< AsymptoticSequence with the standard error of the difference
  double p_fixed = 1, p_anytime = 1;  ///< two-sided, of no difference; fixed: pooled z test, Welch's t test

  /// treatment / control - 1, with intervals of the logarithm of the ratio by the delta method (binary, fixed: Katz et
  /// al. 1978); nothing where a mean is not above 0.
  struct Lift {
    double value = 0;
    Interval fixed, anytime;
  };
  std::optional<Lift> lift;
};

/// Both counts ≥ 1.
Effect effect_of(MetricKind kind, const Moments& control, const Moments& treatment, const EffectOptions& options = {});

}  // namespace hone::metrics
