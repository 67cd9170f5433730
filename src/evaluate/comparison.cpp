#include "evaluate/comparison.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace hone::evaluate {
namespace {

/// Pairs are examples: both figures must come from the same ones.
size_t pairs_of(const Evaluation& first, const Evaluation& last, const metrics::MetricResult& a,
                const metrics::MetricResult& b) {
  if (a.width == 0 || a.width != b.width || a.rows.size() != b.rows.size()) return 0;
  if (over_answer_tokens(a.name) && first.with_loss != last.with_loss) return 0;
  return a.rows.size() / a.width;
}

std::optional<double> improvement(const std::string& metric, double first, double last) {
  const auto change = metrics::improvement_percent(first, last);
  return change && lower_is_better(metric) ? std::optional(-*change) : change;
}

/// Perplexity rises with the loss, so both ask the same question and get the loss's p: exp makes a few hard
/// examples outweigh all others, which would hide the difference. The interval is perplexity's own.
metrics::Comparison significance(const metrics::MetricResult& first, const metrics::MetricResult& last,
                                 const metrics::BootstrapOptions& options) {
  metrics::Comparison comparison = metrics::paired_bootstrap(first, last, options);
  if (first.name == "perplexity") {
    metrics::MetricResult losses[] = {first, last};
    for (auto& loss : losses) {
      loss.score_of = [](std::span<const double> sum) { return sum[1] > 0 ? sum[0] / sum[1] : 0; };
      metrics::finish_result(loss);
    }
    comparison.p_value = metrics::paired_bootstrap(losses[0], losses[1], options).p_value;
  }
  const size_t pairs = first.rows.size() / first.width;
  comparison.p_value = std::max(comparison.p_value, std::min(1.0, std::exp2(1 - static_cast<double>(pairs))));
  return comparison;
}

}  // namespace

std::vector<ComparedMetric> compare(const std::vector<Contender>& contenders,
                                    const metrics::BootstrapOptions& options) {
  const Evaluation &first = contenders.front().evaluation, &last = contenders.back().evaluation;
  std::vector<ComparedMetric> all;
  for (const metrics::MetricResult& result : first.results) {
    ComparedMetric row;
    row.name = result.name;
    for (const Contender& contender : contenders) row.values.push_back(contender.evaluation.find(result.name)->score);
    row.improvement_percent = improvement(row.name, row.values.front(), row.values.back());
    const metrics::MetricResult& other = *last.find(result.name);
    row.pairs = pairs_of(first, last, result, other);
    if (row.pairs >= kFewestPairs) row.significance = significance(result, other, options);
    all.push_back(std::move(row));
  }
  return all;
}

std::vector<size_t> choose_samples(const std::vector<Contender>& contenders, size_t count) {
  const size_t total = contenders.front().evaluation.answers.size();
  std::vector<size_t> chosen;
  for (size_t i = 0; i < std::min(count, total); ++i) chosen.push_back(i * total / std::min(count, total));
  return chosen;
}

Json to_json(const std::vector<Contender>& contenders, const std::vector<ComparedMetric>& compared, size_t samples) {
  Json document = {{"models", Json::array()}, {"metrics", Json::object()}, {"samples", Json::array()}};
  for (const Contender& contender : contenders) document["models"].push_back(contender.name);
  for (const ComparedMetric& row : compared) {
    Json& entry = document["metrics"][row.name];
    for (size_t i = 0; i < contenders.size(); ++i) entry[contenders[i].name] = row.values[i];
    entry["improvement_percent"] = row.improvement_percent ? Json(*row.improvement_percent) : Json();
    entry["p_value"] = row.significance ? Json(row.significance->p_value) : Json();
    entry["difference_interval"] =
        row.significance ? Json({row.significance->interval.low, row.significance->interval.high}) : Json();
  }
  for (const size_t i : choose_samples(contenders, samples)) {
    const Answer& first = contenders.front().evaluation.answers[i];
    Json answers = Json::object();
    for (const Contender& contender : contenders) answers[contender.name] = contender.evaluation.answers[i].text;
    document["samples"].push_back({{"prompt", first.prompt}, {"reference", first.reference}, {"answers", answers}});
  }
  return document;
}

}  // namespace hone::evaluate
