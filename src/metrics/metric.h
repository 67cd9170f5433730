// Scores of predictions against references. Start here: make_metric("rougeL", options, place)->score(samples).
// A metric is one file and one line in metrics.def. ROUGE is in 0 … 1 as rouge-score prints it, BLEU
// and chrF in 0 … 100 as sacrebleu does, and equal to theirs; docs/metrics.md says which tokenizer does what.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/registry.h"
#include "metrics/characters.h"

namespace hone::metrics {

/// One prediction and what it should have been; with several references the best fit counts, in the
/// way that each metric defines it.
struct Sample {
  std::string prediction;
  std::vector<std::string> references;  ///< at least one
};

struct MetricOptions {
  /// Brings both sides to one Unicode form before anything else. None, so that BLEU and chrF equal
  /// sacrebleu's; the script-aware ROUGE tokenizers compose to NFC by themselves.
  Normalization normalization = Normalization::kNone;
  std::string rouge_tokenizer = "default";          ///< a name of tokenizers()
  bool rouge_stemmer = false;                       ///< Porter's stemmer on words of more than three letters
  std::string bleu_tokenizer = "13a";               ///< a name of tokenizers()
  std::string bleu_smoothing = "exp";               ///< exp, floor, add-k, none (Chen and Cherry, 2014)
  std::optional<double> bleu_smoothing_value = {};  ///< floor: 0.1, add-k: 1
  bool effective_order = false;                     ///< BLEU of a corpus: leave out orders longer than every prediction
  bool lowercase = false;                           ///< BLEU and chrF
  bool chrf_whitespace = false;                     ///< character n-grams run across white space
  bool chrf_eps_smoothing = false;
};

using Detail = std::variant<double, int64_t, std::vector<double>, std::vector<int64_t>>;

struct MetricResult {
  std::string name;
  std::string signature;  ///< everything that changes the figure, e.g. "rouge1|tok:default|stem:no|…"
  double score = 0;       ///< the headline figure: F-measure, BLEU, chrF, share of matches
  std::vector<std::pair<std::string, Detail>> details;  ///< in the order in which JSON shows them
  std::vector<double> per_example;                      ///< headline figure of each sample by itself
  std::vector<std::string> warnings;

  /// One row of additive counts a sample; the corpus figure is score_of(sum of rows). Bootstraps
  /// resample rows, because the BLEU of a corpus is not the mean of its sentences' BLEU.
  size_t width = 0;
  std::vector<double> rows;  ///< [samples, width]
  std::function<double(std::span<const double> sum)> score_of;
};

class Metric {
 public:
  virtual ~Metric() = default;
  /// `samples` is not empty. A reference that holds text but no token under the chosen tokenizer is
  /// named in `warnings`; when that is so for every reference, Error is thrown rather than a figure
  /// of 0 returned.
  virtual MetricResult score(std::span<const Sample> samples) const = 0;
};

using MetricMaker = std::unique_ptr<Metric> (*)(const std::string& name, const MetricOptions& options);
const Registry<MetricMaker>& metrics();

/// Throws Error(kInput) for an unknown metric, tokenizer or smoothing; `place` as in Registry::at.
std::unique_ptr<Metric> make_metric(const std::string& name, const MetricOptions& options, const std::string& place);

/// The details as an object, then "signature".
Json to_json(const MetricResult& result);

/// Shared by the metrics: sums rows, fills score and per-sample figures from score_of.
void finish_result(MetricResult& result);

/// Counts references that hold text but gave no token; see Metric::score.
class EmptyReferences {
 public:
  explicit EmptyReferences(std::string tokenizer) : tokenizer_(std::move(tokenizer)) {}
  /// `index` counts samples from 0.
  void look_at(size_t index, std::string_view reference, size_t tokens);
  /// Throws if no reference with text had a token; else says in `result.warnings` which had none.
  void report(MetricResult& result) const;

 private:
  std::string tokenizer_;
  size_t with_text_ = 0, without_token_ = 0, first_ = 0;
  std::string first_text_;
};

}  // namespace hone::metrics
