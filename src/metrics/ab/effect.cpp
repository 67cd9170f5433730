#include "metrics/ab/effect.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "metrics/ab/confidence_sequence.h"
#include "metrics/ab/distributions.h"

namespace hone::metrics {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

uint64_t successes_of(const Moments& data) {
  return static_cast<uint64_t>(std::llround(data.mean * static_cast<double>(data.count)));
}

/// Variance of the mean, as the asymptotic intervals need it: never 0 for a share, where no success yet is no proof
/// that there will be none (half a success and half a failure are added).
double squared_error(MetricKind kind, const Moments& data) {
  const auto n = static_cast<double>(data.count);
  if (kind == MetricKind::kMean) return data.count < 2 ? kInfinite : data.variance() / n;
  const double share = (data.mean * n + 0.5) / (n + 1);
  return share * (1 - share) / n;
}

Interval around(double centre, double reach) {
  return {centre - reach, centre + reach};
}

void fixed_for_shares(const Moments& control, const Moments& treatment, double alpha, Effect& effect) {
  const Interval c = wilson_interval(successes_of(control), control.count, 1 - alpha);
  const Interval t = wilson_interval(successes_of(treatment), treatment.count, 1 - alpha);
  effect.fixed = {effect.difference - std::hypot(treatment.mean - t.low, c.high - control.mean),
                  effect.difference + std::hypot(t.high - treatment.mean, control.mean - c.low)};
  const auto n0 = static_cast<double>(control.count), n1 = static_cast<double>(treatment.count);
  const double pooled = (control.mean * n0 + treatment.mean * n1) / (n0 + n1);
  const double error = std::sqrt(pooled * (1 - pooled) * (1 / n0 + 1 / n1));
  effect.p_fixed = error == 0 ? 1 : std::erfc(std::abs(effect.difference) / error / std::sqrt(2.0));
}

void fixed_for_means(const Moments& control, const Moments& treatment, double alpha, Effect& effect) {
  const auto n0 = static_cast<double>(control.count), n1 = static_cast<double>(treatment.count);
  if (control.count < 2 || treatment.count < 2) {
    effect.fixed = {-kInfinite, kInfinite};
    return;
  }
  const double v0 = control.variance() / n0, v1 = treatment.variance() / n1, sum = v0 + v1;
  if (sum == 0) {
    effect.fixed = around(effect.difference, 0);
    effect.p_fixed = effect.difference == 0 ? 1 : 0;
    return;
  }
  // Satterthwaite's degrees of freedom.
  const double degrees = sum * sum / (v0 * v0 / (n0 - 1) + v1 * v1 / (n1 - 1));
  effect.fixed = around(effect.difference, student_critical(alpha, degrees) * std::sqrt(sum));
  effect.p_fixed = student_two_sided(effect.difference / std::sqrt(sum), degrees);
}

/// [e^low - 1, e^high - 1]
Interval as_lift(double centre, double reach) {
  return {std::expm1(centre - reach), std::expm1(centre + reach)};
}

std::optional<Effect::Lift> lift_of(MetricKind kind, const Moments& control, const Moments& treatment, double alpha,
                                    double anytime_reach) {
  if (!(control.mean > 0 && treatment.mean > 0)) return std::nullopt;
  const auto n0 = static_cast<double>(control.count), n1 = static_cast<double>(treatment.count);
  const double log_ratio = std::log(treatment.mean / control.mean);
  const double smooth = std::sqrt(squared_error(kind, control) / (control.mean * control.mean) +
                                  squared_error(kind, treatment) / (treatment.mean * treatment.mean));
  // Katz: (1-p)/(n p) for each side, which is the delta method with the shares as they are.
  const double katz =
      std::sqrt((1 - treatment.mean) / (n1 * treatment.mean) + (1 - control.mean) / (n0 * control.mean));
  const double error = kind == MetricKind::kBinary ? katz : smooth;
  return Effect::Lift{treatment.mean / control.mean - 1, as_lift(log_ratio, normal_quantile(1 - alpha / 2) * error),
                      as_lift(log_ratio, anytime_reach * smooth)};
}

}  // namespace

void Moments::add(double value) {
  ++count;
  const double before = value - mean;
  mean += before / static_cast<double>(count);
  squares += before * (value - mean);
}

void Moments::merge(const Moments& other) {
  if (other.count == 0) return;
  const auto mine = static_cast<double>(count), its = static_cast<double>(other.count), all = mine + its;
  const double apart = other.mean - mean;
  mean += apart * its / all;
  squares += other.squares + apart * apart * mine * its / all;
  count += other.count;
}

double Moments::variance() const {
  return count < 2 ? 0 : squares / static_cast<double>(count - 1);
}

Moments Moments::of_binary(uint64_t successes, uint64_t count) {
  if (count == 0) return {};
  const auto s = static_cast<double>(successes), n = static_cast<double>(count);
  return {count, s / n, s * (n - s) / n};
}

Estimate estimate(MetricKind kind, const Moments& data, const EffectOptions& options) {
  Estimate result{data.count, data.mean, {}, {}};
  if (kind == MetricKind::kBinary) {
    result.fixed = wilson_interval(successes_of(data), data.count, 1 - options.alpha);
    result.anytime = share_sequence(successes_of(data), data.count, options.alpha);
    return result;
  }
  if (data.count < 2) {
    result.fixed = result.anytime = {-kInfinite, kInfinite};
    return result;
  }
  const double error = std::sqrt(squared_error(kind, data)), n = static_cast<double>(data.count);
  const AsymptoticSequence sequence(options.alpha, std::max(1.0, options.expected / 2));
  result.fixed = around(data.mean, student_critical(options.alpha, n - 1) * error);
  result.anytime = around(data.mean, sequence.reach(n) * error);
  return result;
}

Effect effect_of(MetricKind kind, const Moments& control, const Moments& treatment, const EffectOptions& options) {
  Effect effect;
  effect.difference = treatment.mean - control.mean;
  if (kind == MetricKind::kBinary)
    fixed_for_shares(control, treatment, options.alpha, effect);
  else
    fixed_for_means(control, treatment, options.alpha, effect);
  const auto t = static_cast<double>(control.count + treatment.count);
  const AsymptoticSequence sequence(options.alpha, options.expected);
  const double reach = sequence.reach(t);
  const double error = std::sqrt(squared_error(kind, control) + squared_error(kind, treatment));
  effect.anytime = around(effect.difference, reach * error);
  if (error > 0)
    effect.p_anytime = sequence.p_value(effect.difference / error, t);
  else
    effect.p_anytime = effect.difference == 0 ? 1 : 0;
  effect.lift = lift_of(kind, control, treatment, options.alpha, reach);
  return effect;
}

}  // namespace hone::metrics
