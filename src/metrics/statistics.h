// How sure a figure is: spread, bootstrap intervals, tests between two systems on the same examples.
// Random draws depend on (seed, replicate) alone, so a figure is the same on every machine.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "metrics/metric.h"

namespace hone::metrics {

/// NaN for no values.
double mean(std::span<const double> values);
/// Sample standard deviation (divides by n - 1), two passes; NaN for fewer than two values.
double standard_deviation(std::span<const double> values);
/// `quantile` in 0 … 1, linear between neighbours as numpy's default; NaN for no values.
double percentile(std::span<const double> values, double quantile);

/// 100 * (after - before) / |before|; nothing when `before` is 0 or a figure is not finite.
std::optional<double> improvement_percent(double before, double after);
/// exp(mean negative log-likelihood), natural logarithm, over `tokens` > 0.
double perplexity(double total_negative_log_likelihood, uint64_t tokens);

struct Interval {
  double low = 0, high = 0;
};

struct BootstrapOptions {
  uint32_t replicates = 2000;
  double confidence = 0.95;
  uint64_t seed = 42;
};

/// Percentile interval of a corpus figure: samples drawn with replacement (Efron and Tibshirani 1993,
/// chapter 13).
Interval bootstrap_interval(const MetricResult& result, const BootstrapOptions& options = {});
Interval bootstrap_interval(std::span<const double> values, const BootstrapOptions& options = {});

struct Comparison {
  double before = 0, after = 0, difference = 0;  ///< difference = after - before
  Interval interval;                             ///< of the difference
  double p_value = 1;                            ///< two-sided
};

/// Paired bootstrap: each replicate draws the same samples for both systems (Koehn 2004, "Statistical
/// significance tests for machine translation evaluation"). p is the share of replicates whose
/// difference, moved to mean 0 as if the systems were equal, is at least as large as the one seen, with
/// one added above and below (Riezler and Maxwell 2005; what sacrebleu prints).
Comparison paired_bootstrap(const MetricResult& before, const MetricResult& after,
                            const BootstrapOptions& options = {});
/// The same for the means of per-example scores.
Comparison paired_bootstrap(std::span<const double> before, std::span<const double> after,
                            const BootstrapOptions& options = {});

struct McNemar {
  uint64_t only_before = 0, only_after = 0;  ///< examples that one system alone got right
  double statistic = 0;                      ///< chi-squared, 1 degree of freedom, continuity-corrected
  double p_value = 1;                        ///< exact two-sided binomial
};

/// For right-or-wrong figures such as exact match; a score above 0.5 is right. Same number of examples.
McNemar mcnemar(std::span<const double> before, std::span<const double> after);
McNemar mcnemar(uint64_t only_before, uint64_t only_after);

/// Wilson's interval of a share (Wilson 1927); total > 0, 0 < confidence < 1.
Interval wilson_interval(uint64_t successes, uint64_t total, double confidence = 0.95);

}  // namespace hone::metrics
