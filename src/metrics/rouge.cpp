// ROUGE (Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries"): rouge1 … rouge4, rougeL
// and rougeLsum, with the figures of the rouge-score package. The figure of a corpus is the mean over
// its samples of precision, recall and F-measure, each by itself. With several references the one
// with the largest F-measure counts (the first of equals).
#include <algorithm>
#include <array>

#include "metrics/lcs.h"
#include "metrics/metric.h"
#include "metrics/ngrams.h"
#include "metrics/porter_stemmer.h"
#include "metrics/tokens.h"

namespace hone::metrics {
namespace {

struct Rouge {
  double precision = 0, recall = 0, fmeasure = 0;
};

Rouge from_counts(size_t matched, size_t predicted, size_t expected) {
  Rouge rouge;
  rouge.precision = static_cast<double>(matched) / static_cast<double>(std::max<size_t>(predicted, 1));
  rouge.recall = static_cast<double>(matched) / static_cast<double>(std::max<size_t>(expected, 1));
  if (rouge.precision + rouge.recall > 0) {
    rouge.fmeasure = 2 * rouge.precision * rouge.recall / (rouge.precision + rouge.recall);
  }
  return rouge;
}

using Numbers = std::vector<uint32_t>;

/// What one call of score() works with; nothing in it changes a figure.
class Scorer {
 public:
  Scorer(const MetricOptions& options, TokenizeFunction tokenize) : options_(options), tokenize_(tokenize) {}

  void read(std::string_view text, Numbers& out) {
    tokens_.clear();
    tokenize_(to_lower(normalize(text, options_.normalization)), tokens_);
    if (!options_.rouge_stemmer) return vocabulary_.numbers(tokens_, out);
    out.clear();
    for (size_t i = 0; i < tokens_.size(); ++i) {
      const std::string_view token = tokens_[i];
      out.push_back(vocabulary_.number(token.size() > 3 && is_ascii(token) ? porter_stem(token) : std::string(token)));
    }
  }

  Rouge ngrams(size_t n, const Numbers& prediction, const Numbers& reference) {
    counter_.start(prediction, {&reference, 1});
    NgramMatch match;
    for (size_t order = 1; order <= n; ++order) match = counter_.next_order();
    return from_counts(static_cast<size_t>(match.matched), static_cast<size_t>(match.prediction),
                       reference.size() < n ? 0 : reference.size() - n + 1);
  }

  Rouge subsequence(const Numbers& prediction, const Numbers& reference) {
    if (prediction.empty() || reference.empty()) return {};
    return from_counts(lcs_.length(reference, prediction), prediction.size(), reference.size());
  }

  /// Section 3.2 of the paper: the union over predicted sentences of their LCS with each reference
  /// sentence; as in ROUGE-1.5.5 a token is credited at most as often as either side has it.
  Rouge summary(const std::vector<Numbers>& prediction, const std::vector<Numbers>& reference) {
    size_t predicted = 0, expected = 0;
    std::vector<uint32_t> left_in_prediction(vocabulary_.size(), 0), left_in_reference(vocabulary_.size(), 0);
    for (const Numbers& sentence : prediction) {
      predicted += sentence.size();
      for (const uint32_t token : sentence) ++left_in_prediction[token];
    }
    for (const Numbers& sentence : reference) {
      expected += sentence.size();
      for (const uint32_t token : sentence) ++left_in_reference[token];
    }
    if (predicted == 0 || expected == 0) return {};
    size_t hits = 0;
    std::vector<uint8_t> used;
    for (const Numbers& sentence : reference) {
      used.assign(sentence.size(), 0);
      for (const Numbers& predicted_sentence : prediction) lcs_.mark(sentence, predicted_sentence, used);
      for (size_t i = 0; i < sentence.size(); ++i) {
        const uint32_t token = sentence[i];
        if (used[i] == 0 || left_in_prediction[token] == 0 || left_in_reference[token] == 0) continue;
        ++hits;
        --left_in_prediction[token];
        --left_in_reference[token];
      }
    }
    return from_counts(hits, predicted, expected);
  }

  std::vector<Numbers> read_sentences(const std::string& text) {
    std::vector<Numbers> sentences;
    for (const std::string& line : split(text, '\n')) {
      if (!line.empty()) read(line, sentences.emplace_back());
    }
    return sentences;
  }

 private:
  const MetricOptions& options_;
  TokenizeFunction tokenize_;
  Tokens tokens_;
  Vocabulary vocabulary_;
  NgramCounter counter_;
  LongestCommonSubsequence lcs_;
};

class RougeMetric : public Metric {
 public:
  RougeMetric(std::string name, const MetricOptions& options)
      : name_(std::move(name)),
        options_(options),
        tokenize_(tokenizers().at(options.rouge_tokenizer, "--rouge-tokenizer").make) {}

  MetricResult score(std::span<const Sample> samples) const override {
    MetricResult result;
    result.name = name_;
    result.signature = signature(samples.empty() ? 0 : samples.front().references.size());
    result.width = 4;  // precision, recall, F-measure, 1
    result.score_of = [](std::span<const double> sum) { return sum[3] > 0 ? sum[2] / sum[3] : 0.0; };
    EmptyReferences empty(options_.rouge_tokenizer);
    Scorer scorer(options_, tokenize_);
    std::array<double, 3> sum{};
    for (size_t i = 0; i < samples.size(); ++i) {
      const Rouge best = score_sample(samples[i], i, scorer, empty);
      result.rows.insert(result.rows.end(), {best.precision, best.recall, best.fmeasure, 1.0});
      result.per_example.push_back(best.fmeasure);
      sum = {sum[0] + best.precision, sum[1] + best.recall, sum[2] + best.fmeasure};
    }
    empty.report(result);
    finish_result(result);
    const double count = samples.empty() ? 1.0 : static_cast<double>(samples.size());
    result.details = {{"precision", sum[0] / count}, {"recall", sum[1] / count}, {"fmeasure", result.score}};
    return result;
  }

 private:
  std::string signature(size_t references) const {
    const char* forms[] = {"none", "nfc", "nfkc"};
    return format("%s|nrefs:%zu|case:lc|tok:%s|stem:%s|norm:%s", name_.c_str(), references,
                  options_.rouge_tokenizer.c_str(), options_.rouge_stemmer ? "porter" : "no",
                  forms[static_cast<int>(options_.normalization)]);
  }

  Rouge score_sample(const Sample& sample, size_t index, Scorer& scorer, EmptyReferences& empty) const {
    Numbers prediction, reference;
    std::vector<Numbers> predicted_sentences;
    const bool by_sentence = name_ == "rougeLsum";
    if (by_sentence) {
      predicted_sentences = scorer.read_sentences(sample.prediction);
    } else {
      scorer.read(sample.prediction, prediction);
    }
    std::optional<Rouge> best;
    for (const std::string& text : sample.references) {
      Rouge rouge;
      size_t tokens = 0;
      if (by_sentence) {
        const std::vector<Numbers> sentences = scorer.read_sentences(text);
        for (const Numbers& sentence : sentences) tokens += sentence.size();
        rouge = scorer.summary(predicted_sentences, sentences);
      } else {
        scorer.read(text, reference);
        tokens = reference.size();
        rouge = name_ == "rougeL" ? scorer.subsequence(prediction, reference)
                                  : scorer.ngrams(static_cast<size_t>(name_.back() - '0'), prediction, reference);
      }
      empty.look_at(index, text, tokens);
      if (!best || rouge.fmeasure > best->fmeasure) best = rouge;
    }
    return best.value_or(Rouge{});
  }

  std::string name_;
  MetricOptions options_;
  TokenizeFunction tokenize_;
};

std::unique_ptr<Metric> make_rouge(const std::string& name, const MetricOptions& options) {
  return std::make_unique<RougeMetric>(name, options);
}

}  // namespace

void register_rouge(Registry<MetricMaker>& registry) {
  for (int n = 1; n <= 4; ++n) {
    registry.add({format("rouge%d", n), format("shared runs of %d token%s", n, n == 1 ? "" : "s"), make_rouge});
  }
  registry.add({"rougeL", "longest common subsequence of tokens", make_rouge});
  registry.add({"rougeLsum", "the same sentence by sentence, one sentence a line", make_rouge});
}

}  // namespace hone::metrics
