// BLEU (Papineni et al. 2002), with the figures of sacrebleu: BLEU = BP * exp(mean over n of log p_n),
// BP = exp(1 - r/c) where the predictions are shorter (c) than the closest references (r). bleu counts
// n-grams up to 4; bleu1, bleu2 and bleu3 stop earlier.
#include <algorithm>
#include <array>
#include <cmath>

#include "metrics/metric.h"
#include "metrics/ngrams.h"
#include "metrics/tokens.h"

namespace hone::metrics {
namespace {

constexpr size_t kMaxOrder = 4;

enum class Smoothing { kExp, kFloor, kAddK, kNone };

struct Counts {
  double prediction_length = 0, reference_length = 0;
  std::array<double, kMaxOrder> correct{}, total{};
};

struct Bleu {
  double score = 0, brevity_penalty = 1;
  std::array<double, kMaxOrder> precisions{};  ///< percent, after smoothing
};

struct Formula {
  size_t order = kMaxOrder;
  Smoothing smoothing = Smoothing::kExp;
  double smoothing_value = 0;

  /// `effective_order` leaves out the orders for which there is no n-gram at all.
  Bleu operator()(Counts counts, bool effective_order) const;
};

Bleu Formula::operator()(Counts counts, bool effective_order) const {
  Bleu bleu;
  if (counts.prediction_length < counts.reference_length) {
    bleu.brevity_penalty =
        counts.prediction_length > 0 ? std::exp(1 - counts.reference_length / counts.prediction_length) : 0.0;
  }
  if (std::all_of(counts.correct.begin(), counts.correct.end(), [](double count) { return count == 0; })) return bleu;
  double halved = 1;
  size_t orders = order;
  for (size_t n = 0; n < order; ++n) {
    if (smoothing == Smoothing::kAddK && n > 0) {
      counts.correct[n] += smoothing_value;
      counts.total[n] += smoothing_value;
    }
    if (counts.total[n] == 0) break;
    if (effective_order) orders = n + 1;
    if (counts.correct[n] != 0) {
      bleu.precisions[n] = 100.0 * counts.correct[n] / counts.total[n];
    } else if (smoothing == Smoothing::kExp) {
      halved *= 2;
      bleu.precisions[n] = 100.0 / (halved * counts.total[n]);
    } else if (smoothing == Smoothing::kFloor) {
      bleu.precisions[n] = 100.0 * smoothing_value / counts.total[n];
    }
  }
  double log_sum = 0;
  for (size_t n = 0; n < orders; ++n) {
    if (bleu.precisions[n] == 0) return bleu;  // log 0: the product is 0
    log_sum += std::log(bleu.precisions[n]);
  }
  bleu.score = bleu.brevity_penalty * std::exp(log_sum / static_cast<double>(orders));
  return bleu;
}

Counts counts_of(std::span<const double> row, size_t order) {
  Counts counts;
  counts.prediction_length = row[0];
  counts.reference_length = row[1];
  for (size_t n = 0; n < order; ++n) {
    counts.correct[n] = row[2 + n];
    counts.total[n] = row[2 + order + n];
  }
  return counts;
}

Smoothing smoothing_called(const std::string& name) {
  const std::vector<std::string> names = {"exp", "floor", "add-k", "none"};
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    fail_input("--bleu-smoothing",
               "smoothing \"" + name + "\" is unknown;" + did_you_mean(name, names) + " known: " + join(names, ", "));
  }
  return static_cast<Smoothing>(found - names.begin());
}

class BleuMetric : public Metric {
 public:
  BleuMetric(std::string name, const MetricOptions& options)
      : name_(std::move(name)),
        options_(options),
        tokenize_(tokenizers().at(options.bleu_tokenizer, "--bleu-tokenizer").make) {
    formula_.order = name_ == "bleu" ? kMaxOrder : static_cast<size_t>(name_.back() - '0');
    formula_.smoothing = smoothing_called(options.bleu_smoothing);
    formula_.smoothing_value = options.bleu_smoothing_value.value_or(formula_.smoothing == Smoothing::kFloor ? 0.1 : 1);
  }

  MetricResult score(std::span<const Sample> samples) const override {
    MetricResult result;
    const size_t order = formula_.order;
    result.name = name_;
    result.signature = signature(samples.empty() ? 0 : samples.front().references.size());
    result.width = 2 + 2 * order;
    result.score_of = [formula = formula_, effective = options_.effective_order](std::span<const double> sum) {
      return formula(counts_of(sum, formula.order), effective).score;
    };
    Tokens tokens;
    Vocabulary vocabulary;
    NgramCounter counter;
    std::vector<uint32_t> prediction;
    std::vector<std::vector<uint32_t>> references;
    std::vector<double> sum(result.width, 0.0);
    for (const Sample& sample : samples) {
      read(sample.prediction, tokens, vocabulary, prediction);
      references.resize(sample.references.size());
      for (size_t r = 0; r < references.size(); ++r) read(sample.references[r], tokens, vocabulary, references[r]);
      const std::vector<double> row = count(prediction, references, counter);
      // A sentence shorter than four tokens has no 4-gram; without the effective order it would be 0.
      result.per_example.push_back(formula_(counts_of(row, order), true).score);
      for (size_t i = 0; i < row.size(); ++i) sum[i] += row[i];
      result.rows.insert(result.rows.end(), row.begin(), row.end());
    }
    const Counts counts = counts_of(sum, order);
    const Bleu bleu = formula_(counts, options_.effective_order);
    result.score = bleu.score;
    add_details(counts, bleu, result);
    return result;
  }

 private:
  void read(const std::string& text, Tokens& tokens, Vocabulary& vocabulary, std::vector<uint32_t>& out) const {
    tokens.clear();
    const std::string normalized = normalize(text, options_.normalization);
    const std::string lower = options_.lowercase ? to_lower(normalized) : std::string();
    tokenize_(strip_right(options_.lowercase ? lower : normalized), tokens);
    vocabulary.numbers(tokens, out);
  }

  std::vector<double> count(const std::vector<uint32_t>& prediction,
                            const std::vector<std::vector<uint32_t>>& references, NgramCounter& counter) const {
    std::vector<double> row;
    // The reference whose length is closest; of two equally close ones the shorter.
    size_t closest_length = references.empty() ? 0 : references.front().size();
    for (const auto& reference : references) {
      const auto distance = [&](size_t length) {
        return std::pair(length > prediction.size() ? length - prediction.size() : prediction.size() - length, length);
      };
      if (distance(reference.size()) < distance(closest_length)) closest_length = reference.size();
    }
    row.push_back(static_cast<double>(prediction.size()));
    row.push_back(static_cast<double>(closest_length));
    row.resize(2 + 2 * formula_.order);
    counter.start(prediction, references);
    for (size_t n = 0; n < formula_.order; ++n) {
      const NgramMatch match = counter.next_order();
      row[2 + n] = static_cast<double>(match.matched);
      row[2 + formula_.order + n] = static_cast<double>(match.prediction);
    }
    return row;
  }

  void add_details(const Counts& counts, const Bleu& bleu, MetricResult& result) const {
    std::vector<double> precisions;
    std::vector<int64_t> correct, total;
    for (size_t n = 0; n < formula_.order; ++n) {
      precisions.push_back(bleu.precisions[n]);
      correct.push_back(static_cast<int64_t>(counts.correct[n]));
      total.push_back(static_cast<int64_t>(counts.total[n]));
    }
    result.details = {
        {"score", bleu.score},
        {"precisions", precisions},
        {"brevity_penalty", bleu.brevity_penalty},
        {"length_ratio", counts.reference_length > 0 ? counts.prediction_length / counts.reference_length : 0.0},
        {"prediction_length", static_cast<int64_t>(counts.prediction_length)},
        {"reference_length", static_cast<int64_t>(counts.reference_length)},
        {"counts", correct},
        {"totals", total}};
  }

  /// In sacrebleu's form, so that the two can be laid side by side.
  std::string signature(size_t references) const {
    std::string smoothing = options_.bleu_smoothing;
    if (formula_.smoothing == Smoothing::kFloor || formula_.smoothing == Smoothing::kAddK) {
      smoothing += format("[%.2f]", formula_.smoothing_value);
    }
    std::string text =
        format("nrefs:%zu|case:%s|eff:%s|tok:%s|smooth:%s", references, options_.lowercase ? "lc" : "mixed",
               options_.effective_order ? "yes" : "no", options_.bleu_tokenizer.c_str(), smoothing.c_str());
    if (formula_.order != kMaxOrder) text += format("|order:%zu", formula_.order);
    if (options_.normalization != Normalization::kNone) {
      text += options_.normalization == Normalization::kNfc ? "|norm:nfc" : "|norm:nfkc";
    }
    return text + "|version:2.6.0+hone";
  }

  std::string name_;
  MetricOptions options_;
  TokenizeFunction tokenize_;
  Formula formula_;
};

std::unique_ptr<Metric> make_bleu(const std::string& name, const MetricOptions& options) {
  return std::make_unique<BleuMetric>(name, options);
}

}  // namespace

void register_bleu(Registry<MetricMaker>& registry) {
  registry.add({"bleu", "precision of 1- to 4-grams with a penalty for brevity, equal to sacrebleu", make_bleu});
  registry.add({"bleu1", "the same with single tokens only", make_bleu});
  registry.add({"bleu2", "the same with 1- and 2-grams", make_bleu});
  registry.add({"bleu3", "the same with 1- to 3-grams", make_bleu});
}

}  // namespace hone::metrics
