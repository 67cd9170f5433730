// Training, validation and test sets that share no example: rows with the same prompt (or the same group) stay
// together, and the choice follows from the seed and the rows' content, not from their order.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/example.h"

namespace hone::data {

struct SplitOptions {
  double validation = 0.1;  ///< share of the rows, 0 ≤ validation + test < 1
  double test = 0;
  uint64_t seed = 42;
  bool same_answer = false;  ///< rows with the same answer stay together too
};

/// What a split needs to know of a row.
struct SplitKey {
  uint64_t content = 0;  ///< prompt_key: equal ones never straddle
  uint64_t answer = 0;   ///< answer_key; used with same_answer
  std::string group;     ///< "" or a name: rows of one group never straddle
  std::string stratum;   ///< shares hold within each stratum
};

/// Ascending row numbers; together every row once.
struct Split {
  std::vector<uint32_t> train, validation, test;
};

/// Shares that leave a wanted part without a row, or nothing to train on, throw Error. Sizes are exact where
/// every group is a single row; a large group goes where it still fits, otherwise to training.
Split split_rows(std::span<const SplitKey> rows, const SplitOptions& options);
/// The same for examples: content and answer keys, no groups, one stratum.
Split split_examples(std::span<const Example> examples, const SplitOptions& options);

}  // namespace hone::data
