// A job's data looked at before anything is computed, with OpenAI's codes and texts.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "serve/jobs/job_fault.h"

namespace hone::serve {

inline constexpr uint64_t kLeastExamples = 10;
inline constexpr size_t kLongestRow = size_t{8} << 20;  ///< bytes: a row is held in memory, several times over
/// Whether rows of this record shape are for the method dpo; all others are for the rest.
bool needs_pairs(const std::string& shape);
std::string too_few_examples(uint64_t examples);

struct DataCheck {
  int64_t examples = 0;           ///< rows that can be trained on
  bool raw_pairs = false;         ///< every row is a prompt and a completion
  std::optional<JobFault> fault;  ///< why the job cannot go on
};

/// Reads the whole file with constant memory. `report(level, text)` hears of every bad row, up to a limit, and of
/// warnings. `param`: "training_file" or "validation_file"; only the first needs ten examples.
DataCheck check_job_file(const std::filesystem::path& path, const std::string& id, const std::string& method,
                         const std::string& param,
                         const std::function<void(const char* level, const std::string& text)>& report);

}  // namespace hone::serve
