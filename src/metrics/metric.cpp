#include "metrics/metric.h"

#include <nlohmann/json.hpp>

#include "metrics/tokens.h"

namespace hone::metrics {

using MetricRegistry = Registry<MetricMaker>;

#define METRIC(name) void register_##name(MetricRegistry& registry);
#include "metrics/metrics.def"
#undef METRIC

const MetricRegistry& metrics() {
  static const MetricRegistry all = [] {
    MetricRegistry registry("metric");
#define METRIC(name) register_##name(registry);
#include "metrics/metrics.def"
#undef METRIC
    return registry;
  }();
  return all;
}

std::unique_ptr<Metric> make_metric(const std::string& name, const MetricOptions& options, const std::string& place) {
  return metrics().at(name, place).make(name, options);
}

Json to_json(const MetricResult& result) {
  Json document = Json::object();
  for (const auto& [name, detail] : result.details) {
    std::visit([&, &key = name](const auto& value) { document[key] = value; }, detail);
  }
  document["signature"] = result.signature;
  return document;
}

void finish_result(MetricResult& result) {
  std::vector<double> sum(result.width, 0.0);
  for (size_t at = 0; at < result.rows.size(); ++at) sum[at % result.width] += result.rows[at];
  result.score = result.score_of(sum);
}

void EmptyReferences::look_at(size_t index, std::string_view reference, size_t tokens) {
  if (tokens == 0 && strip(reference).empty()) return;
  ++with_text_;
  if (tokens > 0) return;
  if (without_token_++ > 0) return;
  first_ = index + 1;
  first_text_ = excerpt(reference, 40);
}

void EmptyReferences::report(MetricResult& result) const {
  if (without_token_ == 0) return;
  const std::string remedy = tokenizer_ == "default" ? "choose another tokenizer, e.g. --rouge-tokenizer char"
                                                     : "choose another tokenizer, e.g. --rouge-tokenizer default";
  const std::string what =
      format("holds text (%s) but no token for tokenizer \"%s\"", first_text_.c_str(), tokenizer_.c_str());
  if (without_token_ == with_text_) {
    fail_input(format("reference %zu", first_),
               what + format("; so do all %zu references, and %s would be 0 whatever the predictions are", with_text_,
                             result.name.c_str()),
               remedy);
  }
  result.warnings.push_back(format("%s: reference %zu %s; %zu of %zu references count as 0: ", result.name.c_str(),
                                   first_, what.c_str(), without_token_, with_text_) +
                            remedy);
}

}  // namespace hone::metrics
