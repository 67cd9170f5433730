// The figures of a plan that tell of the data.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "tune/run_data.h"

namespace hone::tune {

/// The sequences of one kind, of which an example has one: the chosen answers of preference pairs.
struct BranchSummary {
  std::string name;
  int64_t median_length = 0, longest = 0;  ///< prompt included
  int64_t median_trained = 0;              ///< the answer's share of it
  int64_t truncated = 0;
};

/// What the data came to, for people to look at before any compute is spent. Lengths are those of sequences.
struct DataSummary {
  int64_t train_examples = 0, validation_examples = 0;
  int64_t train_tokens = 0, trained_tokens = 0;  ///< all tokens of the training set; those that carry loss
  int64_t rows = 0;                              ///< packed rows of one epoch
  int64_t rejected = 0, truncated = 0;
  int64_t longest = 0, median_length = 0;
  std::vector<BranchSummary> branches;  ///< empty where an example is one sequence
  Json to_json() const;
};

/// `branches`: the names of an example's sequences; `rows` those of one epoch.
DataSummary summarise(const RunData& data, const std::vector<std::string>& branches, int64_t rows);

}  // namespace hone::tune
