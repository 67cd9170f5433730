// What a model is worth on a set of examples: figures over the tokens of the known answers (loss,
// perplexity, accuracy) and over answers that it gives itself (ROUGE, BLEU, chrF, exact match).
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/example.h"
#include "evaluate/loss.h"
#include "evaluate/samples_file.h"
#include "generate/engine.h"
#include "generate/model_text.h"
#include "metrics/metric.h"

namespace hone::evaluate {

struct EvaluationOptions {
  /// loss, perplexity, accuracy, or a name of metrics::metrics().
  std::vector<std::string> metrics = {"loss", "perplexity", "accuracy", "rouge1", "rouge2", "rougeL", "bleu", "chrf"};
  generate::SamplingOptions sampling;  ///< greedy
  std::vector<std::string> stop;
  int64_t max_new_tokens = 128;
  uint64_t seed = 42;
  int64_t batch = 16;             ///< examples side by side
  int64_t max_length = 0;         ///< tokens of an example; 0: as many positions as the model was trained on
  std::filesystem::path samples;  ///< "" or a file for SamplesFile
  std::string model_identity;     ///< see model_identity(); part of the keys in `samples`
  /// Called between batches with what is done, out of how many; may throw to stop.
  std::function<void(const std::string& stage, size_t done, size_t total)> progress;
};

struct Evaluation {
  size_t examples = 0;
  int64_t tokens = 0;             ///< answer tokens under the loss
  std::vector<size_t> with_loss;  ///< indices of the examples that fit max_length
  size_t truncated = 0;           ///< of those, cut at max_length
  std::vector<Answer> answers;    ///< one a conversation, in order; empty when no metric needs them
  size_t reused = 0;              ///< answers that `samples` held already
  /// One a metric, in the order asked for, with rows for bootstraps.
  std::vector<metrics::MetricResult> results;

  /// nullptr when it was not asked for.
  const metrics::MetricResult* find(const std::string& metric) const;
};

/// Throws Error(kInput) at `place` for an unknown name.
void check_metric_names(const std::vector<std::string>& names, const std::string& place);
/// loss, perplexity and accuracy: figures over the tokens of the known answers.
bool over_answer_tokens(const std::string& metric);
/// loss and perplexity.
bool lower_is_better(const std::string& metric);

/// Fingerprint of everything that decides a model's answers: weights, configuration, adapter. Reads every byte.
std::string model_identity(const std::filesystem::path& model, const std::filesystem::path& adapter);

/// In conversations the last assistant turn is the known answer, and what stands before it the prompt; plain
/// texts have no part in figures over answers. Throws Error(kInput) when no example can be used.
Evaluation evaluate(model::Decoder& decoder, const generate::ModelText& text,
                    const std::vector<data::Example>& examples, const EvaluationOptions& options);

}  // namespace hone::evaluate
