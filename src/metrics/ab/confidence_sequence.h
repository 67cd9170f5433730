// Intervals that stay valid however often one looks and whenever one stops: with probability 1 - alpha the truth lies
// in the interval at every moment at once. They are wider than an interval for one look at a size fixed beforehand.
#pragma once
#include <cstdint>

#include "metrics/statistics.h"

namespace hone::metrics {

/// The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), "Time-uniform central
/// limit theory and asymptotic confidence sequences", Annals of Statistics 52(6), theorem 2.2: after t observations
///   mean ± standard error × sqrt( 2 (t rho² + 1) / (t rho²) × ln( sqrt(t rho² + 1) / alpha ) )
/// It assumes independent observations with a little more than two moments, and that the first ones are many enough
/// for the central limit theorem; before that nothing is promised (AnalysisOptions::minimum_per_variant).
class AsymptoticSequence {
 public:
  /// Tightest near `expected` observations: rho² = (-2 ln alpha + ln(-2 ln alpha) + 1) / expected. It has to be chosen
  /// before the data are seen. 0 < alpha < 1, expected ≥ 1.
  AsymptoticSequence(double alpha, double expected);
  /// How many standard errors the interval reaches to each side after `t` ≥ 1 observations.
  double reach(double t) const;
  /// The smallest alpha whose sequence would leave out a value `z` standard errors away (rho unchanged).
  double p_value(double z, double t) const;

 private:
  double alpha_, rho2_;
};

/// The sequence of a share: every p with  B(a + s, a + n - s) / B(a, a) / (p^s (1-p)^(n-s)) < 1 / alpha,  a = 1/2.
/// That ratio is a mixture of likelihood ratios, a martingale where p is the truth (Robbins 1970, "Statistical methods
/// related to the law of the iterated logarithm"), so by Ville's inequality it holds at any size, without any limit
/// theorem. It assumes independent observations of one share. `n` = 0 gives [0, 1].
Interval share_sequence(uint64_t successes, uint64_t n, double alpha);

}  // namespace hone::metrics
