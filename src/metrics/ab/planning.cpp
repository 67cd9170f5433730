#include "metrics/ab/planning.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/strings.h"
#include "metrics/ab/confidence_sequence.h"
#include "metrics/ab/distributions.h"

namespace hone::metrics {
namespace {

void check(const SampleSizeOptions& options, const std::string& place) {
  if (!(options.alpha > 0 && options.alpha < options.power && options.power < 1)) {
    fail_input(place, format("alpha is %g and power %g", options.alpha, options.power),
               "0 < alpha < power < 1, usually 0.05 and 0.8");
  }
}

uint64_t whole(double n, const std::string& place) {
  if (!(n < 1e15)) fail_input(place, "the effect is too small for any experiment", "ask for a larger one");
  return static_cast<uint64_t>(std::max(2.0, std::ceil(n - 1e-9)));
}

/// The smallest n per variant at which an estimate that lies z_β standard errors short of the effect still leaves 0
/// out. The sequence may have found it earlier, so its power is at least the one asked for.
double anytime_size(double fixed, double effect_in_deviations, const SampleSizeOptions& options) {
  const AsymptoticSequence sequence(options.alpha, 2 * fixed);
  const double z_beta = normal_quantile(options.power);
  const auto found = [&](double n) {
    return effect_in_deviations * std::sqrt(n / 2) - z_beta >= sequence.reach(2 * n);
  };
  double low = 1, high = std::max(2.0, fixed);
  while (!found(high)) high *= 2;
  for (int step = 0; step < 100; ++step) {
    const double middle = 0.5 * (low + high);
    (found(middle) ? high : low) = middle;
  }
  return high;
}

/// ln of  ∫ likelihood dDirichlet(concentration × weights) / likelihood(weights).
double log_mixture(std::span<const uint64_t> users, std::span<const double> weights, double concentration) {
  // ln Γ(a + n) - ln Γ(a) = ln Γ(n) - ln B(a, n), and 0 for n = 0.
  const auto rise = [](double a, double n) { return n == 0 ? 0 : log_gamma(n) - log_beta(a, n); };
  double sum = 0, total = 0;
  for (size_t i = 0; i < users.size(); ++i) {
    const auto n = static_cast<double>(users[i]);
    if (n == 0) continue;
    sum += rise(concentration * weights[i], n) - n * std::log(weights[i]);
    total += n;
  }
  return sum - rise(concentration, total);
}

}  // namespace

SampleSize sample_size_for_shares(double control, double treatment, const SampleSizeOptions& options,
                                  const std::string& place) {
  check(options, place);
  if (!(control > 0 && control < 1 && treatment > 0 && treatment < 1) || control == treatment) {
    fail_input(place, format("the shares are %g and %g", control, treatment), "give two shares between 0 and 1");
  }
  const double middle = (control + treatment) / 2, apart = std::abs(treatment - control);
  const double spread = control * (1 - control) + treatment * (1 - treatment);
  const double n = std::pow((normal_quantile(1 - options.alpha / 2) * std::sqrt(2 * middle * (1 - middle)) +
                             normal_quantile(options.power) * std::sqrt(spread)) /
                                apart,
                            2);
  const uint64_t fixed = whole(n, place);
  return {fixed, whole(anytime_size(n, apart / std::sqrt(spread / 2), options), place)};
}

SampleSize sample_size_for_means(double difference, double deviation, const SampleSizeOptions& options,
                                 const std::string& place) {
  check(options, place);
  if (!(deviation > 0) || difference == 0 || !std::isfinite(difference) || !std::isfinite(deviation)) {
    fail_input(place, format("the difference is %g and the standard deviation %g", difference, deviation),
               "give a difference other than 0 and a deviation above 0");
  }
  const double effect = std::abs(difference) / deviation;
  const double n = 2 * std::pow((normal_quantile(1 - options.alpha / 2) + normal_quantile(options.power)) / effect, 2);
  const uint64_t fixed = whole(n, place);
  return {fixed, whole(anytime_size(n, effect, options), place)};
}

SampleRatio sample_ratio(std::span<const uint64_t> users, std::span<const double> weights) {
  SampleRatio result;
  double total = 0;
  for (const uint64_t n : users) total += static_cast<double>(n);
  size_t used = 0;
  for (size_t i = 0; i < users.size(); ++i) {
    result.expected.push_back(total * weights[i]);
    if (weights[i] > 0) {
      ++used;
    } else if (users[i] > 0) {
      result.mismatch = true;
    }
  }
  if (result.mismatch) {
    result.chi_square = std::numeric_limits<double>::infinity();
    result.p_fixed = result.p_anytime = 0;
    return result;
  }
  if (total == 0 || used < 2) return result;
  for (size_t i = 0; i < users.size(); ++i) {
    if (weights[i] == 0) continue;
    const double apart = static_cast<double>(users[i]) - result.expected[i];
    result.chi_square += apart * apart / result.expected[i];
  }
  result.p_fixed = chi_square_tail(result.chi_square, static_cast<double>(used - 1));
  const double coarse = log_mixture(users, weights, static_cast<double>(used));
  const double fine = log_mixture(users, weights, 1000);
  const double larger = std::max(coarse, fine);
  const double log_mean = larger + std::log(0.5 * (std::exp(coarse - larger) + std::exp(fine - larger)));
  result.p_anytime = std::min(1.0, std::exp(-log_mean));
  result.mismatch = result.p_anytime < 0.01;
  return result;
}

}  // namespace hone::metrics
