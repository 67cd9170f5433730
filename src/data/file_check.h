// A whole file checked: what `hone data check` shows and a service runs over an uploaded file.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "data/loader.h"

namespace hone::data {

struct FileCheckOptions {
  LoadOptions load;
  size_t min_rows = 10;                ///< few_rows below; OpenAI refuses smaller files
  uint64_t max_findings = UINT64_MAX;  ///< of rows, of each severity; those beyond are counted alone
  bool compare_rows = true;            ///< looks for duplicates, which takes 32 bytes or so for each row
  /// Looks further at a row that is good so far (a tokenizer, say) and may add findings.
  std::function<void(const Example&, Findings&)> inspect;
  /// Sees every row after all its checks, before the next is read.
  std::function<void(const Row&)> on_row;
};

struct FileReport {
  std::string file, format;
  uint64_t rows = 0;
  uint64_t ok = 0;                         ///< rows without an error finding
  std::map<std::string, uint64_t> shapes;  ///< rows of each record shape
  uint64_t errors = 0, warnings = 0;       ///< all findings of rows, kept or not
  std::vector<Finding> findings;           ///< in file order, those of the file as a whole last

  bool has_error() const;
};

FileReport check_file(const std::filesystem::path& path, const FileCheckOptions& options);
/// The same over a reader that is already open.
FileReport check_rows(ExampleReader& reader, const FileCheckOptions& options);

}  // namespace hone::data
