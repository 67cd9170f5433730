// Start here: a file of any format and record shape as checked examples, one row at a time in constant memory.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/content_checks.h"
#include "data/example.h"
#include "data/finding.h"
#include "data/value.h"

namespace hone::data {

struct LoadOptions {
  std::string format;  ///< a name of readers.def; "" by name and content
  std::string shape;   ///< a name of shapes.def; "" row by row
  size_t max_row_bytes = size_t{64} << 20;
  ContentLimits limits;
};

/// One row of a file. Views live until the reader's next next().
struct Row {
  std::string_view raw;  ///< as written (its beginning when over the limit)
  Value value;           ///< the parsed object; missing when it could not be parsed
  std::string shape;     ///< name of its shape, "" when none fits
  Example example;       ///< whole only when ok()
  Findings findings;

  bool ok() const { return !findings.has_error(); }
};

class ExampleReader {
 public:
  /// "-" is standard input. Throws Error when the file as a whole cannot be read.
  explicit ExampleReader(const std::filesystem::path& path, LoadOptions options = {});
  /// The same from memory; `name` stands for the file in messages and its extension tells the format.
  ExampleReader(std::string content, const std::string& name, LoadOptions options = {});
  ~ExampleReader();

  /// The next row, good or bad; false at the end of the file.
  bool next(Row& row);
  const std::string& name() const;
  /// Name of the file format.
  const std::string& format() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

enum class OnBadRow {
  kError,  ///< the first row with an error finding throws Error naming file, line and field
  kSkip,   ///< it is left out; `rejected` is told
};

/// All good rows of the files, in order. `rejected` (optional) sees every row that is left out.
std::vector<Example> load_examples(const std::vector<std::filesystem::path>& paths, const LoadOptions& options = {},
                                   OnBadRow on_bad_row = OnBadRow::kError,
                                   const std::function<void(const Row&)>& rejected = nullptr);

}  // namespace hone::data
