#include "metrics/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/random.h"
#include "metrics/ab/distributions.h"

namespace hone::metrics {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

void require_same_size(size_t before, size_t after) {
  if (before != after) {
    fail_input("comparison", format("one system has %zu examples, the other %zu", before, after),
               "score both on the same examples in the same order");
  }
}

/// The rows of a result, or plain values as rows of (value, 1), so that one routine resamples both.
struct Rows {
  std::span<const double> values;
  size_t width = 1, count = 0;
  std::function<double(std::span<const double>)> score_of;
};

Rows rows_of(const MetricResult& result) {
  return {result.rows, result.width, result.width == 0 ? 0 : result.rows.size() / result.width, result.score_of};
}

Rows rows_of(std::span<const double> values) {
  const auto count = static_cast<double>(values.size());
  return {values, 1, values.size(), [count](std::span<const double> sum) { return sum[0] / count; }};
}

/// The figure of one replicate after another for each of `systems`: out[system][replicate].
std::vector<std::vector<double>> resample(std::span<const Rows> systems, const BootstrapOptions& options) {
  std::vector<std::vector<double>> figures(systems.size(), std::vector<double>(options.replicates));
  const size_t count = systems[0].count;
  std::vector<uint32_t> times(count);
  for (uint32_t replicate = 0; replicate < options.replicates; ++replicate) {
    RandomStream random(options.seed, replicate);
    std::fill(times.begin(), times.end(), 0);
    for (size_t draw = 0; draw < count; ++draw) ++times[random.below(count)];
    for (size_t s = 0; s < systems.size(); ++s) {
      const Rows& rows = systems[s];
      std::vector<double> sum(rows.width, 0.0);
      for (size_t i = 0; i < count; ++i) {
        if (times[i] == 0) continue;
        for (size_t k = 0; k < rows.width; ++k) sum[k] += times[i] * rows.values[i * rows.width + k];
      }
      figures[s][replicate] = rows.score_of(sum);
    }
  }
  return figures;
}

double figure_of(const Rows& rows) {
  std::vector<double> sum(rows.width, 0.0);
  for (size_t at = 0; at < rows.values.size(); ++at) sum[at % rows.width] += rows.values[at];
  return rows.score_of(sum);
}

Interval interval_of(std::span<const double> figures, double confidence) {
  return {percentile(figures, (1 - confidence) / 2), percentile(figures, (1 + confidence) / 2)};
}

void require_usable(size_t count, const BootstrapOptions& options) {
  if (count == 0) fail_input("bootstrap", "there is no example to draw from");
  if (options.replicates == 0) fail_input("bootstrap", "0 replicates were asked for", "take at least 100");
  if (!(options.confidence > 0 && options.confidence < 1)) {
    fail_input("bootstrap", format("confidence is %g", options.confidence), "give a number between 0 and 1, e.g. 0.95");
  }
}

Interval bootstrap(const Rows& rows, const BootstrapOptions& options) {
  require_usable(rows.count, options);
  return interval_of(resample({&rows, 1}, options)[0], options.confidence);
}

Comparison compare(const Rows& before, const Rows& after, const BootstrapOptions& options) {
  require_same_size(before.count, after.count);
  require_usable(before.count, options);
  Comparison comparison;
  comparison.before = figure_of(before);
  comparison.after = figure_of(after);
  comparison.difference = comparison.after - comparison.before;
  const Rows systems[] = {before, after};
  const auto figures = resample(systems, options);
  std::vector<double> differences(options.replicates);
  for (size_t i = 0; i < differences.size(); ++i) differences[i] = figures[1][i] - figures[0][i];
  comparison.interval = interval_of(differences, options.confidence);
  const double centre = mean(differences);
  size_t as_large = 0;
  for (const double difference : differences) {
    as_large += std::abs(difference - centre) >= std::abs(comparison.difference);
  }
  comparison.p_value = static_cast<double>(as_large + 1) / static_cast<double>(differences.size() + 1);
  return comparison;
}

}  // namespace

double mean(std::span<const double> values) {
  if (values.empty()) return kNan;
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double standard_deviation(std::span<const double> values) {
  if (values.size() < 2) return kNan;
  const double centre = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - centre) * (value - centre);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

double percentile(std::span<const double> values, double quantile) {
  if (values.empty()) return kNan;
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const double position = std::clamp(quantile, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (position - static_cast<double>(below));
}

std::optional<double> improvement_percent(double before, double after) {
  if (before == 0 || !std::isfinite(before) || !std::isfinite(after)) return std::nullopt;
  return 100 * (after - before) / std::abs(before);
}

double perplexity(double total_negative_log_likelihood, uint64_t tokens) {
  return std::exp(total_negative_log_likelihood / static_cast<double>(tokens));
}

Interval bootstrap_interval(const MetricResult& result, const BootstrapOptions& options) {
  return bootstrap(rows_of(result), options);
}

Interval bootstrap_interval(std::span<const double> values, const BootstrapOptions& options) {
  return bootstrap(rows_of(values), options);
}

Comparison paired_bootstrap(const MetricResult& before, const MetricResult& after, const BootstrapOptions& options) {
  return compare(rows_of(before), rows_of(after), options);
}

Comparison paired_bootstrap(std::span<const double> before, std::span<const double> after,
                            const BootstrapOptions& options) {
  return compare(rows_of(before), rows_of(after), options);
}

McNemar mcnemar(std::span<const double> before, std::span<const double> after) {
  require_same_size(before.size(), after.size());
  uint64_t only_before = 0, only_after = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    only_before += before[i] > 0.5 && !(after[i] > 0.5);
    only_after += after[i] > 0.5 && !(before[i] > 0.5);
  }
  return mcnemar(only_before, only_after);
}

McNemar mcnemar(uint64_t only_before, uint64_t only_after) {
  McNemar test{only_before, only_after};
  const uint64_t n = only_before + only_after, fewer = std::min(only_before, only_after);
  if (n == 0) return test;
  const double gap = static_cast<double>(std::max(only_before, only_after) - fewer);
  const double corrected = std::max(0.0, gap - 1);
  test.statistic = corrected * corrected / static_cast<double>(n);
  // 2 * P(X <= fewer) for X ~ Binomial(n, 1/2), term by term from log C(n, k) - n log 2.
  double log_term = -static_cast<double>(n) * std::log(2.0), tail = std::exp(log_term);
  for (uint64_t k = 1; k <= fewer; ++k) {
    log_term += std::log(static_cast<double>(n - k + 1)) - std::log(static_cast<double>(k));
    tail += std::exp(log_term);
  }
  test.p_value = std::min(1.0, 2 * tail);
  return test;
}

Interval wilson_interval(uint64_t successes, uint64_t total, double confidence) {
  const double z = normal_quantile(0.5 + confidence / 2);
  const auto n = static_cast<double>(total);
  const double share = static_cast<double>(successes) / n, z2 = z * z;
  const double centre = (share + z2 / (2 * n)) / (1 + z2 / n);
  const double half = z / (1 + z2 / n) * std::sqrt(share * (1 - share) / n + z2 / (4 * n * n));
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

}  // namespace hone::metrics
