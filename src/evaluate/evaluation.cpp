#include "evaluate/evaluation.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/strings.h"
#include "evaluate/answers.h"

namespace hone::evaluate {
namespace fs = std::filesystem;
namespace {

const std::vector<std::string> kLossMetrics = {"loss", "perplexity", "accuracy"};

std::vector<text::EncodedExample> encode(const text::ChatEncoder& encoder, const std::vector<data::Example>& examples,
                                         Evaluation& into) {
  std::vector<text::EncodedExample> encoded;
  for (size_t i = 0; i < examples.size(); ++i) {
    try {
      encoded.push_back(encoder.encode(examples[i]));
    } catch (const text::RejectedExample&) {
      continue;  // its prompt alone fills max_length; with_loss tells
    }
    into.with_loss.push_back(i);
    into.truncated += encoded.back().truncated;
  }
  if (encoded.empty()) {
    fail_input(examples.front().origin.file, "no example fits the model's context",
               "raise --max-length, or shorten the examples");
  }
  return encoded;
}

/// A figure of the loss in the form that bootstraps read: a row an example, of tokens and what is summed over
/// them: −log p, or right guesses.
metrics::MetricResult loss_figure(const std::string& name, const LossResult& loss) {
  metrics::MetricResult result;
  result.name = name;
  result.signature = name + "|answer tokens";
  result.details = {{"score", 0.0}, {"tokens", loss.tokens}};
  result.width = 2;
  for (size_t i = 0; i < loss.example_nll.size(); ++i) {
    const double sum = name == "accuracy" ? static_cast<double>(loss.example_correct[i]) : loss.example_nll[i];
    result.rows.insert(result.rows.end(), {sum, static_cast<double>(loss.example_tokens[i])});
  }
  const bool exponential = name == "perplexity";
  result.score_of = [exponential](std::span<const double> sum) {
    const double mean = sum[1] > 0 ? sum[0] / sum[1] : 0;
    return exponential ? std::exp(mean) : mean;
  };
  metrics::finish_result(result);
  std::get<double>(result.details.front().second) = result.score;
  return result;
}

void add_file(std::string& into, const fs::path& folder, const fs::path& file) {
  const MappedFile mapped(file);
  into += fs::relative(file, folder).string() + " " + fingerprint(mapped.view()) + "\n";
}

}  // namespace

const metrics::MetricResult* Evaluation::find(const std::string& metric) const {
  for (const auto& result : results) {
    if (result.name == metric) return &result;
  }
  return nullptr;
}

bool over_answer_tokens(const std::string& metric) {
  return std::find(kLossMetrics.begin(), kLossMetrics.end(), metric) != kLossMetrics.end();
}

bool lower_is_better(const std::string& metric) {
  return metric == "loss" || metric == "perplexity";
}

void check_metric_names(const std::vector<std::string>& names, const std::string& place) {
  std::vector<std::string> known = kLossMetrics;
  for (const auto& entry : metrics::metrics().entries()) known.push_back(entry.name);
  if (names.empty()) fail_input(place, "names no metric", "known: " + join(known, ", "));
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      fail_input(place,
                 "metric \"" + name + "\" is unknown;" + did_you_mean(name, known) + " known: " + join(known, ", "));
    }
  }
}

std::string model_identity(const fs::path& model, const fs::path& adapter) {
  std::string list;
  for (const fs::path& folder : {model, adapter}) {
    if (folder.empty()) continue;
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) {
      const std::string extension = entry.path().extension().string();
      const bool counts = extension == ".safetensors" || extension == ".json" || extension == ".jinja";
      if (counts && entry.is_regular_file()) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) add_file(list, folder, file);
    list += "--\n";
  }
  return fingerprint(list);
}

Evaluation evaluate(model::Decoder& decoder, const generate::ModelText& text,
                    const std::vector<data::Example>& examples, const EvaluationOptions& options) {
  check_metric_names(options.metrics, "metrics");
  if (examples.empty()) fail_input("data", "holds no example to evaluate on");
  if (options.batch < 1) fail_input("batch", format("is %ld, expected 1 or more", options.batch));
  const auto& wanted = options.metrics;
  const int64_t positions = options.max_length > 0 ? options.max_length : decoder.config().max_position_embeddings;
  Evaluation evaluation;
  evaluation.examples = examples.size();

  LossResult loss;
  if (std::any_of(wanted.begin(), wanted.end(), over_answer_tokens)) {
    const auto encoder =
        text.encoder({.max_length = static_cast<uint32_t>(std::clamp<int64_t>(positions, 1, UINT32_MAX))});
    const auto encoded = encode(encoder, examples, evaluation);
    loss = dataset_loss(decoder, encoded, options.batch, [&](size_t done) {
      if (options.progress) options.progress("loss", done, encoded.size());
    });
    evaluation.tokens = loss.tokens;
  }
  std::vector<metrics::Sample> samples;
  if (!std::all_of(wanted.begin(), wanted.end(), over_answer_tokens)) {
    evaluation.answers = answer_all(decoder, text, examples, positions, options, evaluation.reused);
    for (const Answer& answer : evaluation.answers) samples.push_back({answer.text, {answer.reference}});
  }
  for (const std::string& name : wanted) {
    evaluation.results.push_back(over_answer_tokens(name) ? loss_figure(name, loss)
                                                          : metrics::make_metric(name, {}, "metrics")->score(samples));
  }
  return evaluation;
}

}  // namespace hone::evaluate
