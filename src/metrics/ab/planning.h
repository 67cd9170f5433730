// Before and around an experiment: how many observations it needs, and whether the split of users is the one meant.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "metrics/ab/effect.h"

namespace hone::metrics {

struct SampleSizeOptions {
  double alpha = 0.05;  ///< two-sided
  double power = 0.8;   ///< probability to find the effect if it is there
};

struct SampleSize {
  uint64_t per_variant = 0;          ///< for one look at the end
  uint64_t per_variant_anytime = 0;  ///< enough for the anytime interval, tuned to this size, to have found it
};

/// To tell share `control` from `treatment` with as many users in each:
///   n = ((z_{α/2} √(2 p̄ q̄) + z_β √(p₀ q₀ + p₁ q₁)) / (p₁ - p₀))²    (Fleiss 1981; R's power.prop.test)
/// Error naming `place` unless both lie in (0, 1) and differ, and 0 < alpha < power < 1.
SampleSize sample_size_for_shares(double control, double treatment, const SampleSizeOptions& options,
                                  const std::string& place);
/// To tell means that lie `difference` apart with standard deviation `deviation` in each variant:
///   n = 2 ((z_{α/2} + z_β) σ / δ)²
SampleSize sample_size_for_means(double difference, double deviation, const SampleSizeOptions& options,
                                 const std::string& place);

/// Whether the users that were seen divide as the weights say. Where they do not, something loses users of one variant
/// (a crash, a filter, a cache), and no comparison of the variants can be trusted.
struct SampleRatio {
  std::vector<double> expected;  ///< users of each variant
  double chi_square = 0;
  double p_fixed = 1;     ///< of the chi-squared test, for one look
  double p_anytime = 1;   ///< valid at every look
  bool mismatch = false;  ///< p_anytime < 0.01
};

/// `p_anytime` = 1 / the mean of two Dirichlet mixtures of likelihood ratios with concentrations k and 1000 around the
/// weights (Lindon and Malek 2022, "Anytime-valid inference for multinomial count data", NeurIPS): the one finds a
/// gross fault among few users, the other a slight one among many. Weights sum to 1. Users where the weight is 0 are
/// a mismatch by themselves.
SampleRatio sample_ratio(std::span<const uint64_t> users, std::span<const double> weights);

}  // namespace hone::metrics
