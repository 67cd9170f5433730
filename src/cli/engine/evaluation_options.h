// What evaluate and compare share: the data, the metrics, and what a person sees while it runs.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/terminal.h"
#include "cli/engine/generation_options.h"
#include "evaluate/evaluation.h"

namespace hone::cli {

struct EvaluationChoice {
  std::string data, shape;
  std::vector<std::string> metrics = evaluate::EvaluationOptions{}.metrics;
  size_t limit = 0;  ///< 0: all
  int64_t batch = 16, max_length = 0;
};

/// Adds --data, --shape, --metrics, --limit, --batch and --max-length.
void add_evaluation_options(CLI::App& app, EvaluationChoice& choice);

/// The library's options from both choices; metric names are checked.
evaluate::EvaluationOptions evaluation_settings(const EvaluationChoice& choice, const GenerationChoice& generation);

/// The first `limit` examples; a bad row throws Error naming file, line and field.
std::vector<data::Example> load_evaluation_data(const EvaluationChoice& choice);

/// A progress bar a stage; stops the work with Error(kInterrupted) on Ctrl-C. Pass it by std::ref.
class StageProgress {
 public:
  /// `prefix` stands before the stage's name, e.g. the model's.
  explicit StageProgress(std::string prefix) : prefix_(std::move(prefix)) {}
  void operator()(const std::string& stage, size_t done, size_t total);
  void finish() { bar_.reset(); }

 private:
  std::string prefix_, stage_;
  std::unique_ptr<Progress> bar_;
};

/// Says which examples were cut, left out or unanswered, and what the metrics warn of.
void warn_about(const evaluate::Evaluation& evaluation, const std::string& model);

}  // namespace hone::cli
