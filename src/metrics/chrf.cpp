// chrF (Popovic 2015) and chrF++ (Popovic 2017), with the figures of sacrebleu: the F-score with
// beta 2 of the mean precision and mean recall over character n-grams of 1 … 6 (and, for chrF++, word
// n-grams of 1 and 2), over the orders for which both sides have n-grams.
#include <algorithm>

#include "metrics/metric.h"
#include "metrics/ngrams.h"
#include "metrics/tokens.h"

namespace hone::metrics {
namespace {

constexpr size_t kCharacterOrder = 6;
constexpr double kBetaSquared = 4;

/// `row` is prediction, reference, matched for each order.
double f_score(std::span<const double> row, bool eps_smoothing) {
  constexpr double kEpsilon = 1e-16;
  double smoothed = 0, precision_sum = 0, recall_sum = 0;
  int orders = 0;
  for (size_t at = 0; at + 2 < row.size(); at += 3) {
    const double predicted = row[at], expected = row[at + 1], matched = row[at + 2];
    const double precision = predicted > 0 ? matched / predicted : kEpsilon;
    const double recall = expected > 0 ? matched / expected : kEpsilon;
    const double denominator = kBetaSquared * precision + recall;
    smoothed += denominator > 0 ? (1 + kBetaSquared) * precision * recall / denominator : kEpsilon;
    if (predicted > 0 && expected > 0) {
      precision_sum += precision;
      recall_sum += recall;
      ++orders;
    }
  }
  const size_t all_orders = row.size() / 3;
  if (eps_smoothing) return 100 * smoothed / static_cast<double>(all_orders);
  if (orders == 0 || precision_sum + recall_sum == 0) return 0;
  const double precision = precision_sum / orders, recall = recall_sum / orders;
  double score = (1 + kBetaSquared) * precision * recall;
  score /= kBetaSquared * precision + recall;
  return 100 * score;
}

/// A word with one ASCII punctuation mark taken off its end or else its beginning.
void add_chrf_words(std::string_view text, Tokens& out) {
  const auto is_mark_of_chrf = [](char byte) {
    return std::string_view("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~").find(byte) != std::string_view::npos;
  };
  Tokens words;
  add_words(text, words);
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    size_t first_character = 0;
    next_character(word, first_character);
    if (first_character == word.size()) {
      out.add(word);
    } else if (is_mark_of_chrf(word.back())) {
      out.add(word.substr(0, word.size() - 1));
      out.add(word.substr(word.size() - 1));
    } else if (is_mark_of_chrf(word.front())) {
      out.add(word.substr(0, 1));
      out.add(word.substr(1));
    } else {
      out.add(word);
    }
  }
}

struct Text {
  std::vector<uint32_t> characters, words;
};

class ChrfMetric : public Metric {
 public:
  ChrfMetric(std::string name, const MetricOptions& options)
      : name_(std::move(name)), options_(options), word_order_(name_ == "chrf++" ? 2 : 0) {}

  MetricResult score(std::span<const Sample> samples) const override {
    MetricResult result;
    result.name = name_;
    result.signature = signature(samples.empty() ? 0 : samples.front().references.size());
    result.width = 3 * (kCharacterOrder + word_order_);
    result.score_of = [eps = options_.chrf_eps_smoothing](std::span<const double> sum) { return f_score(sum, eps); };
    Vocabulary vocabulary;
    NgramCounter counter;
    for (const Sample& sample : samples) {
      const Text prediction = read(sample.prediction, vocabulary);
      std::vector<double> best;
      double best_score = -1;
      for (const std::string& reference : sample.references) {
        std::vector<double> row = count(prediction, read(reference, vocabulary), counter);
        const double score = f_score(row, options_.chrf_eps_smoothing);
        if (score <= best_score) continue;
        best_score = score;
        best = std::move(row);
      }
      result.per_example.push_back(best_score);
      result.rows.insert(result.rows.end(), best.begin(), best.end());
    }
    finish_result(result);
    result.details = {{"score", result.score},
                      {"char_order", static_cast<int64_t>(kCharacterOrder)},
                      {"word_order", static_cast<int64_t>(word_order_)},
                      {"beta", int64_t{2}}};
    return result;
  }

 private:
  Text read(const std::string& source, Vocabulary& vocabulary) const {
    const std::string normalized = normalize(source, options_.normalization);
    const std::string text = options_.lowercase ? to_lower(normalized) : normalized;
    Text out;
    for (size_t at = 0; at < text.size();) {
      const char32_t character = next_character(text, at);
      if (options_.chrf_whitespace || !is_space(character)) out.characters.push_back(character);
    }
    if (word_order_ > 0) {
      Tokens words;
      add_chrf_words(text, words);
      vocabulary.numbers(words, out.words);
    }
    return out;
  }

  std::vector<double> count(const Text& prediction, const Text& reference, NgramCounter& counter) const {
    std::vector<double> row;
    const auto add = [&](const std::vector<uint32_t>& predicted, const std::vector<uint32_t>& expected, size_t orders) {
      counter.start(predicted, {&expected, 1});
      for (size_t n = 1; n <= orders; ++n) {
        const NgramMatch match = counter.next_order();
        const size_t in_reference = expected.size() < n ? 0 : expected.size() - n + 1;
        // An order that the reference lacks does not count against the prediction either.
        row.push_back(in_reference > 0 ? static_cast<double>(match.prediction) : 0);
        row.push_back(static_cast<double>(in_reference));
        row.push_back(static_cast<double>(match.matched));
      }
    };
    add(prediction.characters, reference.characters, kCharacterOrder);
    if (word_order_ > 0) add(prediction.words, reference.words, word_order_);
    return row;
  }

  /// In sacrebleu's form.
  std::string signature(size_t references) const {
    std::string text = format("nrefs:%zu|case:%s|eff:%s|nc:%zu|nw:%zu|space:%s", references,
                              options_.lowercase ? "lc" : "mixed", options_.chrf_eps_smoothing ? "no" : "yes",
                              kCharacterOrder, word_order_, options_.chrf_whitespace ? "yes" : "no");
    if (options_.normalization != Normalization::kNone) {
      text += options_.normalization == Normalization::kNfc ? "|norm:nfc" : "|norm:nfkc";
    }
    return text + "|version:2.6.0+hone";
  }

  std::string name_;
  MetricOptions options_;
  size_t word_order_;
};

std::unique_ptr<Metric> make_chrf(const std::string& name, const MetricOptions& options) {
  return std::make_unique<ChrfMetric>(name, options);
}

}  // namespace

void register_chrf(Registry<MetricMaker>& registry) {
  registry.add({"chrf", "F2 of character 1- to 6-grams, equal to sacrebleu", make_chrf});
  registry.add({"chrf++", "the same with word 1- and 2-grams", make_chrf});
}

}  // namespace hone::metrics
