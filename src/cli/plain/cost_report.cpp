#include "cli/plain/cost_report.h"

#include <chrono>

#include "base/error.h"
#include "base/strings.h"
#include "metrics/statistics.h"
#include "track/metrics_log.h"

namespace hone::cli {
namespace {

std::chrono::sys_days day_of(const std::string& today) {
  if (today.empty()) return std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  const auto days = metrics::days_since(today, {});
  if (!days) fail_input("--today", "\"" + excerpt(today, 40) + "\" is no date", "write it as 2024-08-20");
  return std::chrono::sys_days{} - std::chrono::days(*days);
}

/// The rate in the middle of the run's logged steps: the first ones, which warm up, do not count for more.
double rate_of(const std::string& run) {
  const std::string path = run + "/metrics.jsonl";
  std::vector<double> rates;
  for (const track::MetricsRow& row : track::read_metrics(path).rows) {
    for (const auto& [name, value] : row.scalars) {
      if (name == "tokens_per_second" && value > 0) rates.push_back(value);
    }
  }
  if (rates.empty()) fail_input(path, "tells no tokens_per_second", "let the run go on to its first logged step");
  return metrics::percentile(rates, 0.5);
}

void read_tokens(const CostRequest& request, metrics::CostQuestion& question) {
  if (!request.data.file.empty()) {
    const DataFacts facts = collect_data_facts(request.data);
    question.examples = facts.report.ok - facts.refused;
    question.tokens_per_epoch = facts.tokens;
    question.counted_by = facts.counted_by;
    if (question.examples == 0)
      fail_input(request.data.file, "holds no example that could be trained on", "hone data check tells why");
    return;
  }
  if (question.examples == 0 && request.tokens_per_example == 0) return;
  if (question.examples == 0 || request.tokens_per_example == 0)
    fail_input("hone cost", "--examples and --tokens-per-example belong together", "give both, or --data FILE");
  question.counted_by = "as given";
  if (__builtin_mul_overflow(question.examples, request.tokens_per_example, &question.tokens_per_epoch))
    fail_input("hone cost", "the number of tokens is beyond reckoning", "give smaller numbers");
}

}  // namespace

metrics::CostQuestion complete(const CostRequest& request) {
  metrics::CostQuestion question = request.question;
  question.today = day_of(request.today);
  read_tokens(request, question);
  if (!request.run.empty()) question.training_tokens_per_second = rate_of(request.run);
  if (question.requests_per_day > 0 && question.input_tokens + question.output_tokens == 0)
    fail_input("hone cost", "--requests-per-day is given without the tokens of a request",
               "add --input-tokens and --output-tokens");
  return question;
}

}  // namespace hone::cli
