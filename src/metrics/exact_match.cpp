// exact_match: the share of predictions that equal a reference after NFC and with white space trimmed
// and runs of it made one blank. exact_match_loose also folds case and leaves out punctuation, so that
// "Seoul." equals "seoul".
#include <algorithm>

#include "metrics/metric.h"
#include "metrics/tokens.h"

namespace hone::metrics {
namespace {

class ExactMatchMetric : public Metric {
 public:
  ExactMatchMetric(std::string name, const MetricOptions& options)
      : name_(std::move(name)),
        form_(options.normalization == Normalization::kNone ? Normalization::kNfc : options.normalization),
        loose_(name_ == "exact_match_loose") {}

  MetricResult score(std::span<const Sample> samples) const override {
    MetricResult result;
    result.name = name_;
    result.signature = format("%s|nrefs:%zu|norm:%s", name_.c_str(), samples.empty() ? 0 : samples[0].references.size(),
                              form_ == Normalization::kNfc ? "nfc" : "nfkc");
    result.width = 2;  // matched, 1
    result.score_of = [](std::span<const double> sum) { return sum[1] > 0 ? sum[0] / sum[1] : 0.0; };
    int64_t matches = 0;
    for (const Sample& sample : samples) {
      const std::string prediction = reduced(sample.prediction);
      const bool matched = std::any_of(sample.references.begin(), sample.references.end(),
                                       [&](const std::string& reference) { return reduced(reference) == prediction; });
      matches += matched;
      result.per_example.push_back(matched);
      result.rows.insert(result.rows.end(), {matched ? 1.0 : 0.0, 1.0});
    }
    finish_result(result);
    result.details = {{"score", result.score}, {"matches", matches}, {"total", static_cast<int64_t>(samples.size())}};
    return result;
  }

 private:
  std::string reduced(const std::string& text) const {
    std::string normalized = normalize(text, form_);
    if (loose_) {
      normalized = to_lower(normalized);
      std::string kept;
      for (size_t at = 0; at < normalized.size();) {
        const char32_t character = next_character(normalized, at);
        if (!is_punctuation(character)) append_utf8(kept, character);
      }
      normalized = std::move(kept);
    }
    Tokens words;
    add_words(normalized, words);
    return join(words.list(), " ");
  }

  std::string name_;
  Normalization form_;
  bool loose_;
};

std::unique_ptr<Metric> make_exact_match(const std::string& name, const MetricOptions& options) {
  return std::make_unique<ExactMatchMetric>(name, options);
}

}  // namespace

void register_exact_match(Registry<MetricMaker>& registry) {
  registry.add({"exact_match", "share of predictions equal to a reference", make_exact_match});
  registry.add({"exact_match_loose", "the same without regard to case and punctuation", make_exact_match});
}

}  // namespace hone::metrics
