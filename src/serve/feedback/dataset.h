// Training data made of feedback and of the texts that were kept with it.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "store/database.h"

namespace hone::serve {

struct DatasetChoice {
  std::string format;  ///< "sft", "dpo" or "kto"
  std::string owner;
  std::string experiment;           ///< "": any
  int64_t since = 0;                ///< Unix seconds
  std::optional<double> min_score;  ///< from this score on an answer counts as liked, where no thumb says otherwise
};

struct DatasetCounts {
  int64_t rows = 0;
  std::map<std::string, int64_t> skipped;  ///< reason → feedback
};

/// Writes JSON lines that /v1/fine_tuning/jobs and `hone data check` read:
///   sft  {"messages": […, the answer]}; answers before it have weight 0. Of liked answers, and of corrections.
///   dpo  {"input": {"messages"}, "preferred_output", "non_preferred_output"}. A correction over its answer, and liked
///        over disliked answers of the same prompt, each answer at least once where there is one to pair it with.
///   kto  {"prompt", "completion", "label"} of each thumb.
/// Of plain completions the rows have texts: prompt and completion (sft, kto), or prompt, chosen and rejected (dpo).
DatasetCounts write_dataset(store::Database& database, const DatasetChoice& choice, const std::filesystem::path& to);

}  // namespace hone::serve
