#include "metrics/ab/confidence_sequence.h"

#include <algorithm>
#include <cmath>

#include "metrics/ab/distributions.h"

namespace hone::metrics {

AsymptoticSequence::AsymptoticSequence(double alpha, double expected) : alpha_(alpha) {
  const double l = -2 * std::log(alpha);
  // ln(-2 ln alpha) turns negative for alpha near 1, where any rho serves.
  rho2_ = std::max(0.1, l + std::log(l) + 1) / std::max(1.0, expected);
}

double AsymptoticSequence::reach(double t) const {
  const double tr = t * rho2_;
  return std::sqrt(2 * (tr + 1) / tr * (0.5 * std::log1p(tr) - std::log(alpha_)));
}

double AsymptoticSequence::p_value(double z, double t) const {
  const double tr = t * rho2_;
  return std::min(1.0, std::exp(0.5 * std::log1p(tr) - z * z * tr / (2 * (tr + 1))));
}

Interval share_sequence(uint64_t successes, uint64_t n, double alpha) {
  if (n == 0) return {0, 1};
  const auto s = static_cast<double>(successes), f = static_cast<double>(n - successes);
  const double evidence = log_beta(0.5 + s, 0.5 + f) - log_beta(0.5, 0.5) + std::log(alpha);
  // Inside while the evidence against p is below the limit; it falls towards the seen share from both sides.
  const auto inside = [&](double p) {
    const double fit = (s > 0 ? s * std::log(p) : 0) + (f > 0 ? f * std::log1p(-p) : 0);
    return evidence - fit < 0;
  };
  const auto border = [&](double outer, double inner) {
    if (inside(outer)) return outer;
    for (int step = 0; step < 60; ++step) {
      const double middle = 0.5 * (outer + inner);
      (inside(middle) ? inner : outer) = middle;
    }
    return outer;
  };
  const double seen = s / (s + f);
  return {border(0, seen), border(1, seen)};
}

}  // namespace hone::metrics
