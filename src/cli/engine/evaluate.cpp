// hone evaluate: what one model is worth on a data set.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "cli/command.h"
#include "cli/engine/engine_options.h"
#include "cli/engine/evaluation_options.h"
#include "cli/engine/generation_options.h"

namespace hone::cli {
namespace {

struct Options {
  ModelChoice model;
  GenerationChoice generation;
  EvaluationChoice evaluation;
  std::string samples;
  bool json = false;
};

void print_json(const Options& options, const evaluate::Evaluation& evaluation) {
  Json document = {{"model", options.model.model},
                   {"adapter", options.model.adapter.empty() ? Json() : Json(options.model.adapter)},
                   {"data", options.evaluation.data},
                   {"examples", evaluation.examples},
                   {"tokens", evaluation.tokens},
                   {"metrics", Json::object()},
                   {"details", Json::object()}};
  for (const auto& result : evaluation.results) {
    document["metrics"][result.name] = result.score;
    document["details"][result.name] = metrics::to_json(result);
  }
  std::printf("%s\n", to_line(document).c_str());
}

void print_table(const evaluate::Evaluation& evaluation) {
  Table table({"metric", "value"});
  for (const auto& result : evaluation.results) {
    table.add({result.name, format(result.score >= 100 ? "%.1f" : result.score >= 1 ? "%.3f" : "%.4f", result.score)});
  }
  std::fputs(table.text().c_str(), stdout);
}

void run(const Options& options) {
  evaluate::EvaluationOptions settings = evaluation_settings(options.evaluation, options.generation);
  const generate::Sampler checked(options.generation.sampling);
  const auto examples = load_evaluation_data(options.evaluation);
  const generate::ModelText text(options.model.model, options.model.adapter, options.generation.chat_template);
  const auto decoder = load_model(options.model);
  if (!options.samples.empty()) {
    settings.samples = options.samples;
    settings.model_identity = evaluate::model_identity(options.model.model, options.model.adapter);
  }
  catch_interrupts();
  StageProgress progress("");
  settings.progress = std::ref(progress);
  const evaluate::Evaluation evaluation = evaluate::evaluate(*decoder, text, examples, settings);
  progress.finish();
  warn_about(evaluation, "");
  options.json ? print_json(options, evaluation) : print_table(evaluation);
}

}  // namespace

void set_up_evaluate(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->model.compute_dtype = "stored";
  add_model_options(app, options->model);
  add_evaluation_options(app, options->evaluation);
  add_generation_options(app, options->generation);
  app.add_option("--samples", options->samples,
                 "JSONL file to which answers are appended; those that are there already are not made again")
      ->type_name("FILE");
  app.add_flag("--json", options->json, "One JSON object");
  app.callback([options] { run(*options); });
}

}  // namespace hone::cli
