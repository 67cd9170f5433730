#include "tune/data_summary.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hone::tune {
namespace {

int64_t median_of(std::vector<int64_t> values) {
  const auto middle = values.begin() + static_cast<long>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

BranchSummary summarise_branch(const Examples& examples, const std::string& name, size_t first, size_t unit) {
  BranchSummary branch{.name = name};
  std::vector<int64_t> lengths, trained;
  for (size_t i = first; i < examples.size(); i += unit) {
    lengths.push_back(static_cast<int64_t>(examples[i].ids.size()));
    trained.push_back(text::trained_targets(examples[i]));
    branch.truncated += examples[i].truncated;
  }
  branch.median_length = median_of(lengths);
  branch.median_trained = median_of(trained);
  branch.longest = *std::max_element(lengths.begin(), lengths.end());
  return branch;
}

}  // namespace

Json DataSummary::to_json() const {
  Json lengths = Json::object();
  for (const BranchSummary& branch : branches) {
    lengths[branch.name] = {{"median_length", branch.median_length},
                            {"longest", branch.longest},
                            {"median_trained", branch.median_trained},
                            {"truncated", branch.truncated}};
  }
  return {{"train_examples", train_examples},
          {"validation_examples", validation_examples},
          {"train_tokens", train_tokens},
          {"trained_tokens", trained_tokens},
          {"rows_per_epoch", rows},
          {"rejected", rejected},
          {"truncated", truncated},
          {"median_length", median_length},
          {"longest", longest},
          {"branches", lengths}};
}

DataSummary summarise(const RunData& data, const std::vector<std::string>& branches, int64_t rows) {
  DataSummary s;
  const size_t unit = branches.size();
  s.train_examples = static_cast<int64_t>(data.train.size() / unit);
  s.validation_examples = static_cast<int64_t>(data.validation.size() / unit);
  for (size_t i = 0; unit > 1 && i < unit; ++i)
    s.branches.push_back(summarise_branch(data.train, branches[i], i, unit));
  s.rejected = data.rejected;
  s.rows = rows;
  std::vector<int64_t> lengths;
  for (const auto& example : data.train) {
    lengths.push_back(static_cast<int64_t>(example.ids.size()));
    s.train_tokens += lengths.back();
    s.trained_tokens += text::trained_targets(example);
    s.truncated += example.truncated;
  }
  s.median_length = median_of(lengths);
  s.longest = *std::max_element(lengths.begin(), lengths.end());
  return s;
}

}  // namespace hone::tune
