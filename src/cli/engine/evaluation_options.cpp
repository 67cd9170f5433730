#include "cli/engine/evaluation_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/strings.h"
#include "data/loader.h"

namespace hone::cli {

void add_evaluation_options(CLI::App& app, EvaluationChoice& choice) {
  std::vector<std::string> known = {"loss", "perplexity", "accuracy"};
  for (const auto& entry : metrics::metrics().entries()) known.push_back(entry.name);
  app.add_option("--data", choice.data, "Examples with their answers, in any shape that hone data check knows")
      ->required()
      ->type_name("FILE");
  app.add_option("--shape", choice.shape, "Record shape (default: by content)");
  app.add_option("--metrics", choice.metrics, "Names with commas: " + join(known, ", "))
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--limit", choice.limit, "Only the first N examples (0: all)")->capture_default_str();
  app.add_option("--batch", choice.batch, "Examples side by side")->capture_default_str();
  app.add_option("--max-length", choice.max_length, "Tokens of an example (0: as many as the model's positions)")
      ->capture_default_str();
}

evaluate::EvaluationOptions evaluation_settings(const EvaluationChoice& choice, const GenerationChoice& generation) {
  evaluate::check_metric_names(choice.metrics, "--metrics");
  evaluate::EvaluationOptions options;
  options.metrics = choice.metrics;
  options.sampling = generation.sampling;
  options.stop = generation.stop;
  options.max_new_tokens = generation.max_new_tokens;
  options.seed = generation.seed;
  options.batch = choice.batch;
  options.max_length = choice.max_length;
  return options;
}

std::vector<data::Example> load_evaluation_data(const EvaluationChoice& choice) {
  data::LoadOptions options;
  options.shape = choice.shape;
  std::vector<data::Example> examples = data::load_examples({choice.data}, options);
  if (examples.empty()) fail_input(choice.data, "holds no example");
  if (choice.limit > 0 && examples.size() > choice.limit) examples.resize(choice.limit);
  return examples;
}

void StageProgress::operator()(const std::string& stage, size_t done, size_t total) {
  if (!bar_ || stage != stage_) {
    stage_ = stage;
    bar_.reset();
    bar_ = std::make_unique<Progress>(prefix_ + stage, static_cast<double>(total), "examples");
  }
  bar_->update(static_cast<double>(done));
  if (interrupted()) {
    throw Error(ErrorKind::kInterrupted, "", "stopped on request",
                "with --samples FILE the same command goes on where it was");
  }
}

void warn_about(const evaluate::Evaluation& evaluation, const std::string& model) {
  const std::string prefix = model.empty() ? "" : model + ": ";
  const auto& answers = evaluation.answers;
  const auto too_long = std::count_if(answers.begin(), answers.end(),
                                      [](const auto& answer) { return answer.finish_reason == "too_long"; });
  if (evaluation.truncated > 0) warn(prefix + format("%zu examples were cut at --max-length", evaluation.truncated));
  if (!evaluation.with_loss.empty() && evaluation.with_loss.size() < evaluation.examples) {
    warn(prefix + format("%zu examples have a prompt longer than --max-length and are not in the loss",
                         evaluation.examples - evaluation.with_loss.size()));
  }
  if (too_long > 0)
    warn(prefix + format("%ld prompts leave no room for an answer and count as answered with nothing", too_long));
  if (evaluation.reused > 0) say(prefix + format("%zu answers were there already", evaluation.reused));
  for (const auto& result : evaluation.results) {
    for (const std::string& warning : result.warnings) warn(prefix + warning);
  }
}

}  // namespace hone::cli
