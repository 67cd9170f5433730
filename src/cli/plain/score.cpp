// hone score: predictions against references.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "cli/command.h"
#include "metrics/metric.h"
#include "metrics/read_texts.h"
#include "metrics/tokens.h"

namespace hone::cli {
namespace {

using metrics::MetricOptions;
using metrics::MetricResult;

struct Options {
  std::string predictions;
  std::vector<std::string> references;
  std::vector<std::string> metrics = {"rouge1", "rouge2", "rougeL", "bleu", "chrf"};
  std::string field = "text", normalization = "none";
  double smoothing_value = -1;
  MetricOptions metric;
  bool json = false, per_example = false;
};

metrics::Texts read(const std::string& path, const std::string& field) {
  metrics::Texts texts = metrics::read_texts(path, field);
  if (texts.malformed > 0)
    warn(format("%s: %zu lines are not UTF-8; the bad bytes count as U+FFFD", path.c_str(), texts.malformed));
  return texts;
}

std::vector<metrics::Sample> read_samples(const Options& options) {
  metrics::Texts predictions = read(options.predictions, options.field);
  const size_t count = predictions.texts.size();
  if (count == 0) fail_input(options.predictions, "holds no text", "one prediction a line is expected");
  std::vector<metrics::Sample> samples(count);
  for (size_t i = 0; i < count; ++i) samples[i].prediction = std::move(predictions.texts[i]);
  for (const std::string& path : options.references) {
    metrics::Texts references = read(path, options.field);
    if (references.texts.size() != count) {
      fail_input(path,
                 format("holds %zu references, but %s holds %zu predictions", references.texts.size(),
                        options.predictions.c_str(), count),
                 "line N of one file answers line N of the other; an empty line in plain text counts as a text");
    }
    for (size_t i = 0; i < count; ++i) samples[i].references.push_back(std::move(references.texts[i]));
  }
  return samples;
}

metrics::Normalization normalization_called(const std::string& name) {
  const std::vector<std::string> names = {"none", "nfc", "nfkc"};
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<metrics::Normalization>(i);
  }
  fail_input("--normalize",
             "form \"" + name + "\" is unknown;" + did_you_mean(name, names) + " known: " + join(names, ", "));
}

void print_table(const std::vector<MetricResult>& results) {
  Table table({"metric", "score", "precision", "recall", "signature"});
  for (const MetricResult& result : results) {
    std::string precision, recall;
    for (const auto& [name, detail] : result.details) {
      if (const double* value = std::get_if<double>(&detail)) {
        if (name == "precision") precision = format("%.4f", *value);
        if (name == "recall") recall = format("%.4f", *value);
      } else if (const auto* list = std::get_if<std::vector<double>>(&detail); list && name == "precisions") {
        std::vector<std::string> parts;
        for (const double part : *list) parts.push_back(format("%.1f", part));
        precision = join(parts, "/");
      }
    }
    table.add(
        {result.name, format(result.score > 1 ? "%.2f" : "%.4f", result.score), precision, recall, result.signature});
  }
  std::fputs(table.text().c_str(), stdout);
}

void print_json(const std::vector<MetricResult>& results, bool per_example) {
  Json document = Json::object();
  for (const MetricResult& result : results) {
    Json entry = metrics::to_json(result);
    if (!result.warnings.empty()) entry["warnings"] = result.warnings;
    if (per_example) entry["per_example"] = result.per_example;
    document[result.name] = std::move(entry);
  }
  std::printf("%s\n", to_line(document).c_str());
}

void run(Options options) {
  options.metric.normalization = normalization_called(options.normalization);
  if (options.smoothing_value >= 0) options.metric.bleu_smoothing_value = options.smoothing_value;
  // All names are looked up before any file is read, so that a typing error costs nothing.
  std::vector<std::unique_ptr<metrics::Metric>> chosen;
  for (const std::string& name : options.metrics) {
    chosen.push_back(metrics::make_metric(name, options.metric, "--metrics"));
  }
  const std::vector<metrics::Sample> samples = read_samples(options);
  std::vector<MetricResult> results;
  for (const auto& metric : chosen) {
    results.push_back(metric->score(samples));
    for (const std::string& warning : results.back().warnings) warn(warning);
  }
  options.json ? print_json(results, options.per_example) : print_table(results);
}

template <typename Maker>
std::string known(const Registry<Maker>& registry) {
  std::vector<std::string> names;
  for (const auto& entry : registry.entries()) names.push_back(entry.name);
  return join(names, ", ");
}

std::string footer() {
  std::string text = "Metrics:\n";
  for (const auto& entry : metrics::metrics().entries()) text += "  " + pad(entry.name, 20) + entry.summary + "\n";
  text += "Tokenizers:\n";
  for (const auto& entry : metrics::tokenizers().entries()) text += "  " + pad(entry.name, 20) + entry.summary + "\n";
  return text + "docs/metrics.md tells which figures equal which package.";
}

}  // namespace

void set_up_score(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--predictions", options->predictions, "one text a line, or JSONL")->required()->type_name("FILE");
  app.add_option("--references", options->references, "same form and number; repeat for more references a text")
      ->required()
      ->type_name("FILE");
  app.add_option("--metrics", options->metrics, "names with commas: " + known(metrics::metrics()))
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--field", options->field, "where the text stands in JSONL")->capture_default_str();
  app.add_option("--normalize", options->normalization, "Unicode form of both sides: none, nfc, nfkc")
      ->capture_default_str();
  app.add_option("--rouge-tokenizer", options->metric.rouge_tokenizer, known(metrics::tokenizers()))
      ->capture_default_str();
  app.add_flag("--rouge-stemmer", options->metric.rouge_stemmer, "Porter's stemmer on English words");
  app.add_option("--bleu-tokenizer", options->metric.bleu_tokenizer, "the same names")->capture_default_str();
  app.add_option("--bleu-smoothing", options->metric.bleu_smoothing, "exp, floor, add-k, none")->capture_default_str();
  app.add_option("--bleu-smoothing-value", options->smoothing_value, "for floor (0.1) and add-k (1)")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--bleu-effective-order", options->metric.effective_order, "leave out orders without any n-gram");
  app.add_flag("--lowercase", options->metric.lowercase, "BLEU and chrF without regard to case");
  app.add_flag("--chrf-whitespace", options->metric.chrf_whitespace, "character n-grams across white space");
  app.add_flag("--chrf-eps-smoothing", options->metric.chrf_eps_smoothing, "as chrF++.py and NLTK do");
  app.add_flag("--json", options->json, "one JSON object instead of a table");
  app.add_flag("--per-example", options->per_example, "with --json, the figure of each text too");
  app.footer(footer());
  app.callback([options] { run(*options); });
}

}  // namespace hone::cli
