#include "metrics/ab/experiment.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/strings.h"

namespace hone::metrics {
namespace {

void check(const Experiment& experiment, const AnalysisOptions& options) {
  if (experiment.metrics.empty()) fail_input("experiment", "has no metric", "name at least the one that decides");
  if (experiment.variants.size() < 2) {
    fail_input("experiment", format("has %zu variants", experiment.variants.size()),
               "compare at least two; the first is the control");
  }
  for (const VariantData& variant : experiment.variants) {
    if (variant.metrics.size() != experiment.metrics.size()) {
      fail_input("experiment",
                 format("variant \"%s\" has figures of %zu metrics, the experiment has %zu",
                        excerpt(variant.name, 60).c_str(), variant.metrics.size(), experiment.metrics.size()));
    }
  }
  if (!(options.alpha > 0 && options.alpha < 1) || !(options.expected >= 1)) {
    fail_input("experiment", format("alpha is %g, expected observations %g", options.alpha, options.expected),
               "0 < alpha < 1, usually 0.05, and at least 1 observation");
  }
}

/// A difference with its sign turned so that above 0 is better.
Interval for_the_better(const MetricSpec& spec, const Interval& interval) {
  return spec.higher_is_better ? interval : Interval{-interval.high, -interval.low};
}

GuardResult guard_of(const MetricSpec& spec, const std::optional<Effect>& effect, bool enough) {
  GuardResult result{spec.name, Guard::kUndecided, spec.higher_is_better ? -*spec.max_worsening : *spec.max_worsening};
  if (!enough || !effect || !effect->lift) return result;
  const Interval better = for_the_better(spec, effect->lift->anytime);
  if (better.high < -*spec.max_worsening) result.state = Guard::kBreached;
  if (better.low > -*spec.max_worsening) result.state = Guard::kSafe;
  return result;
}

std::string percent(double share) {
  return format("%+.1f%%", 100 * share);
}

std::string span(const Interval& interval) {
  return format("%.4g … %.4g", interval.low, interval.high);
}

std::string names_of(const std::vector<GuardResult>& guards, Guard state) {
  std::vector<std::string> names;
  for (const GuardResult& guard : guards) {
    if (guard.state == state) names.push_back(guard.metric);
  }
  return join(names, ", ");
}

void decide(const MetricSpec& spec, double alpha, TreatmentResult& result) {
  const Effect& effect = *result.effects[0];
  const Interval better = for_the_better(spec, effect.anytime);
  const std::string name = result.name, metric = spec.name, where = span(effect.anytime);
  const std::string sure = format("%g%%", 100 * (1 - alpha));
  const std::string breached = names_of(result.guards, Guard::kBreached);
  const std::string open = names_of(result.guards, Guard::kUndecided);
  if (!breached.empty()) {
    result.verdict = Verdict::kRollBack;
    result.reason = {name + " is to be rolled back: guard rail " + breached + " is worse than its limit allows.",
                     name + "은(는) 되돌려야 합니다: 가드레일 " + breached + "이(가) 허용 한도보다 나빠졌습니다."};
  } else if (better.high < 0) {
    result.verdict = Verdict::kRollBack;
    result.reason = {name + " is to be rolled back: " + metric +
                         " is worse than the control's; the difference lies in " + where + " (" + sure +
                         ", at every look).",
                     name + "은(는) 되돌려야 합니다: " + metric + "이(가) 대조군보다 나쁩니다. 차이는 " + where +
                         "에 있습니다(" + sure + ", 언제 보아도)."};
  } else if (better.low > 0 && open.empty()) {
    result.verdict = Verdict::kWinner;
    const std::string lift = effect.lift ? " (" + percent(effect.lift->value) + ")" : "";
    result.reason = {name + " wins: " + metric + " is better than the control's" + lift + "; the difference lies in " +
                         where + " (" + sure + ", at every look), and no guard rail stands against it.",
                     name + "이(가) 이겼습니다: " + metric + "이(가) 대조군보다 낫습니다" + lift + ". 차이는 " + where +
                         "에 있고(" + sure + ", 언제 보아도) 걸리는 가드레일이 없습니다."};
  } else if (better.low > 0) {
    result.verdict = Verdict::kUndecided;
    result.reason = {name + " is better on " + metric + ", but guard rail " + open +
                         " is not yet decided: more observations are needed.",
                     name + "은(는) " + metric + "에서 낫지만 가드레일 " + open +
                         "이(가) 아직 판정되지 않았습니다: 관측이 더 필요합니다."};
  } else {
    result.verdict = Verdict::kUndecided;
    result.reason = {"no winner yet: the difference of " + metric + " lies in " + where + " (" + sure +
                         ", at every look), which holds 0.",
                     "아직 승자가 없습니다: " + metric + "의 차이는 " + where + "에 있고(" + sure +
                         ", 언제 보아도) 0을 포함합니다."};
  }
}

bool enough(const Moments& control, const Moments& treatment, uint64_t minimum) {
  return std::min(control.count, treatment.count) >= std::max<uint64_t>(minimum, 2);
}

TreatmentResult treatment_of(const Experiment& experiment, const VariantData& variant, const AnalysisOptions& options) {
  const VariantData& control = experiment.variants[0];
  const double alpha = options.alpha / static_cast<double>(experiment.variants.size() - 1);
  TreatmentResult result{variant.name, {}, {}, Verdict::kTooEarly, {}};
  for (size_t m = 0; m < experiment.metrics.size(); ++m) {
    const MetricSpec& spec = experiment.metrics[m];
    const Moments &theirs = control.metrics[m], &its = variant.metrics[m];
    std::optional<Effect> effect;
    if (theirs.count > 0 && its.count > 0)
      effect = effect_of(spec.kind, theirs, its, {.alpha = alpha, .expected = options.expected});
    if (spec.max_worsening)
      result.guards.push_back(guard_of(spec, effect, enough(theirs, its, options.minimum_per_variant)));
    result.effects.push_back(effect);
  }
  const uint64_t have = std::min(control.metrics[0].count, variant.metrics[0].count);
  if (!enough(control.metrics[0], variant.metrics[0], options.minimum_per_variant)) {
    const std::string counts = format("%llu / %llu", static_cast<unsigned long long>(have),
                                      static_cast<unsigned long long>(options.minimum_per_variant));
    result.reason = {
        "too early: the smaller variant has " + counts + " observations of " + experiment.metrics[0].name + ".",
        "아직 이릅니다: 작은 쪽 변형의 " + experiment.metrics[0].name + " 관측이 " + counts + "개입니다."};
    return result;
  }
  decide(experiment.metrics[0], alpha, result);
  return result;
}

/// Of the treatments that win, the one whose deciding metric is best.
const TreatmentResult* best_of(const Experiment& experiment, const std::vector<TreatmentResult>& treatments) {
  const TreatmentResult* best = nullptr;
  const double sign = experiment.metrics[0].higher_is_better ? 1 : -1;
  for (const TreatmentResult& one : treatments) {
    if (one.verdict != Verdict::kWinner) continue;
    if (best == nullptr || sign * one.effects[0]->difference > sign * best->effects[0]->difference) best = &one;
  }
  return best;
}

void conclude(const Experiment& experiment, Analysis& analysis) {
  if (analysis.split.mismatch) {
    analysis.verdict = Verdict::kInvalid;
    analysis.reason = {
        "the users do not divide as the weights say, so no comparison can be trusted: look for what "
        "loses users of one variant, mend it and start again.",
        "사용자가 가중치대로 나뉘지 않아 어떤 비교도 믿을 수 없습니다: 한쪽 사용자가 사라지는 원인을 찾아 고치고 "
        "처음부터 다시 하세요."};
    return;
  }
  const auto take = [&](const TreatmentResult& from) {
    analysis.verdict = from.verdict;
    analysis.reason = from.reason;
  };
  if (const TreatmentResult* best = best_of(experiment, analysis.treatments)) {
    take(*best);
    analysis.winner = best->name;
    return;
  }
  for (const Verdict verdict : {Verdict::kUndecided, Verdict::kTooEarly, Verdict::kRollBack}) {
    for (const TreatmentResult& one : analysis.treatments) {
      if (one.verdict == verdict) return take(one);
    }
  }
}

}  // namespace

Analysis analyse(const Experiment& experiment, const AnalysisOptions& options) {
  check(experiment, options);
  Analysis analysis;
  std::vector<uint64_t> users;
  std::vector<double> weights;
  for (const VariantData& variant : experiment.variants) {
    users.push_back(variant.users);
    weights.push_back(variant.weight);
    auto& row = analysis.estimates.emplace_back();
    for (size_t m = 0; m < experiment.metrics.size(); ++m) {
      row.emplace_back();
      if (variant.metrics[m].count > 0) {
        row.back() = estimate(experiment.metrics[m].kind, variant.metrics[m],
                              {.alpha = options.alpha, .expected = options.expected});
      }
    }
  }
  analysis.split = sample_ratio(users, weights);
  for (size_t v = 1; v < experiment.variants.size(); ++v)
    analysis.treatments.push_back(treatment_of(experiment, experiment.variants[v], options));
  conclude(experiment, analysis);
  return analysis;
}

const char* verdict_name(Verdict verdict) {
  constexpr const char* kNames[] = {"too_early", "undecided", "winner", "roll_back", "invalid"};
  return kNames[static_cast<int>(verdict)];
}

const char* guard_name(Guard guard) {
  constexpr const char* kNames[] = {"undecided", "safe", "breached"};
  return kNames[static_cast<int>(guard)];
}

}  // namespace hone::metrics
