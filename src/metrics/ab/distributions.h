// The few distribution functions that tests need, to about 1e-12 of their value.
#pragma once

namespace hone::metrics {

/// Φ(x) of the standard normal.
double normal_cdf(double x);
/// Φ⁻¹(p) for 0 < p < 1: Acklam's rational approximation, brought to full precision by two steps of Halley.
double normal_quantile(double p);
/// P(X > x) for chi-squared with `degrees` > 0 of freedom.
double chi_square_tail(double x, double degrees);
/// P(|T| > |t|) for Student's t with `degrees` > 0 of freedom, a fraction allowed.
double student_two_sided(double t, double degrees);
/// The t with P(|T| > t) = `tail`, 0 < tail < 1.
double student_critical(double tail, double degrees);
/// ln Γ(x) for x > 0; unlike std::lgamma it may be called by several threads at once.
double log_gamma(double x);
/// ln B(a, b) for a, b > 0.
double log_beta(double a, double b);

}  // namespace hone::metrics
