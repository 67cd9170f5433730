// What an experiment says so far: each variant's figures, each treatment against the control, guard rails, the split
// of users, and a verdict with its reason. Made for being looked at all the time: the verdict rests on anytime-valid
// intervals alone. Start here: analyse(experiment, options).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/language.h"
#include "metrics/ab/effect.h"
#include "metrics/ab/planning.h"

namespace hone::metrics {

struct MetricSpec {
  std::string name;
  MetricKind kind = MetricKind::kBinary;
  bool higher_is_better = true;
  /// Makes the metric a guard rail: it must not get worse by more than this share of the control's value (0.05: 5%).
  std::optional<double> max_worsening = {};
};

struct VariantData {
  std::string name;
  double weight = 0;             ///< its share of users
  uint64_t users = 0;            ///< assigned so far, for the check of the split; all 0: not checked
  std::vector<Moments> metrics;  ///< one for each MetricSpec
};

/// The first metric decides, the first variant is the control.
struct Experiment {
  std::vector<MetricSpec> metrics;
  std::vector<VariantData> variants;
};

struct AnalysisOptions {
  /// Probability to ever say anything about the deciding metric that is not so, over all treatments together
  /// (Bonferroni); likewise for each guard rail.
  double alpha = 0.05;
  uint64_t minimum_per_variant = 100;  ///< before that the verdict is "too early": the limit theorem needs them
  double expected = 10000;             ///< see EffectOptions
};

enum class Guard { kUndecided, kSafe, kBreached };
enum class Verdict { kTooEarly, kUndecided, kWinner, kRollBack, kInvalid };

struct GuardResult {
  std::string metric;
  Guard state = Guard::kUndecided;
  double limit = 0;  ///< of the lift: below (higher is better) or above it is a breach
};

struct TreatmentResult {
  std::string name;
  std::vector<std::optional<Effect>> effects;  ///< one a metric; nothing where a variant has no observation
  std::vector<GuardResult> guards;
  Verdict verdict = Verdict::kTooEarly;
  Text reason;
};

struct Analysis {
  std::vector<std::vector<std::optional<Estimate>>> estimates;  ///< [variant][metric]
  std::vector<TreatmentResult> treatments;
  SampleRatio split;
  Verdict verdict = Verdict::kTooEarly;  ///< winner: of the best treatment
  std::string winner;                    ///< "" or a treatment
  Text reason;
};

/// Two variants or more, one metric or more, `metrics` of each variant as many as specs; else Error.
Analysis analyse(const Experiment& experiment, const AnalysisOptions& options = {});

/// "too_early", "undecided", "winner", "roll_back", "invalid".
const char* verdict_name(Verdict verdict);
/// "undecided", "safe", "breached".
const char* guard_name(Guard guard);
/// {"verdict", "winner", "reason", "variants": {name: {"users", "metrics": {…}}}, "treatments": {…}, "split": {…}}
Json to_json(const Experiment& experiment, const Analysis& analysis, Language language);
/// [low, high]; a side without a bound is null.
Json to_json(const Interval& interval);

}  // namespace hone::metrics
