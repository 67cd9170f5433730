// Two or more models on the same examples: figures side by side, how much better the last is than the
// first, and how sure that is.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "evaluate/evaluation.h"
#include "metrics/statistics.h"

namespace hone::evaluate {

struct Contender {
  std::string name;
  Evaluation evaluation;
};

/// One row of the table.
struct ComparedMetric {
  std::string name;
  std::vector<double> values;  ///< one a model, in order
  /// Of the last model over the first, positive where it is better, whichever way the metric points; nothing
  /// where the first is 0.
  std::optional<double> improvement_percent;
  size_t pairs = 0;  ///< examples that first and last were both measured on; 0 where theirs differ
  /// Paired bootstrap of last against first, where there are kFewestPairs.
  std::optional<metrics::Comparison> significance;
};

/// With n pairs no exact two-sided test can give less than 2^(1-n): under six, not even p < 0.05. A bootstrap
/// of so few draws the same examples again and again and would call any difference certain.
constexpr size_t kFewestPairs = 6;

/// At least two contenders, evaluated with the same options.
std::vector<ComparedMetric> compare(const std::vector<Contender>& contenders,
                                    const metrics::BootstrapOptions& options = {});

/// Examples to show, spread evenly over the data, in its order. Indices into answers.
std::vector<size_t> choose_samples(const std::vector<Contender>& contenders, size_t count);

/// {"models": [name …], "metrics": {metric: {name: value …, "improvement_percent", "p_value", "interval"}},
/// "samples": [{"prompt", "reference", "answers": {name: text}}]}
Json to_json(const std::vector<Contender>& contenders, const std::vector<ComparedMetric>& compared, size_t samples);

/// For a terminal of `width` columns: the table, then the samples side by side.
std::string to_text(const std::vector<Contender>& contenders, const std::vector<ComparedMetric>& compared,
                    size_t samples, size_t width);

/// `text` in lines of at most `width` columns (Hangul and CJK count two), broken at blanks where there are
/// some; at most `max_lines`, the last of which then ends in "…".
std::vector<std::string> wrap(const std::string& text, size_t width, size_t max_lines);

}  // namespace hone::evaluate
