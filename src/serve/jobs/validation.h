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

/// Events that the faults of one file become at most, the last of them saying how many more there are.
inline constexpr uint64_t kMostFaultEvents = 10'000;

struct DataFault {
  bool is_error = true;  ///< else a warning
  std::string param;     ///< the file that it is in: "training_file" or "validation_file"
  uint64_t line = 0;     ///< 0 for the file as a whole
  std::string check;     ///< its name in data/checks.def
  std::string text;
};

struct DataCheck {
  int64_t examples = 0;           ///< rows that can be trained on
  bool raw_pairs = false;         ///< every row is a prompt and a completion
  std::optional<JobFault> fault;  ///< why the job cannot go on
  bool stopped = false;           ///< nothing of this is known, since `stops` said so
};

struct DataCheckCalls {
  std::function<void(const DataFault&)> report;  ///< of every bad row, up to the limit, and of warnings
  std::function<bool()> stops;                   ///< asked at each row
};

/// Reads the whole file with the memory that its longest row needs. `param`: "training_file" or "validation_file"; only
/// the first needs ten examples.
DataCheck check_job_file(const std::filesystem::path& path, const std::string& id, const std::string& method,
                         const std::string& param, const DataCheckCalls& calls);

}  // namespace hone::serve
