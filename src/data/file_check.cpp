#include "data/file_check.h"

#include <algorithm>

#include "base/strings.h"
#include "data/content_key.h"

namespace hone::data {
namespace {

/// Adds what a row can only be told in the company of the others.
void compare_with_others(Row& row, FileReport& report, DuplicateIndex* seen) {
  if (!row.shape.empty() && ++report.shapes[row.shape] == 1 && report.shapes.size() > 1) {
    row.findings.add(Check::mixed_shapes, "",
                     "the first row of shape \"" + row.shape + "\" in a file that began with another",
                     "fine if meant so; --shape NAME reads every row as one shape");
  }
  if (!row.ok() || seen == nullptr) return;
  const uint64_t first = seen->first_line(row.example);
  if (first > 0) {
    row.findings.add(Check::duplicate_row, "", format("equal to line %llu", static_cast<unsigned long long>(first)),
                     "drop it, unless it is meant to count twice");
  }
}

void check_size(FileReport& report, size_t min_rows) {
  Findings findings;
  findings.start_row(0, 0);
  if (report.rows == 0) {
    findings.add(Check::no_rows, "", "the file has no rows", "check that this is the right file");
  } else if (report.rows < min_rows) {
    findings.add(Check::few_rows, "",
                 format("%llu rows, at least %zu expected", static_cast<unsigned long long>(report.rows), min_rows),
                 "add examples: 50 to 100 good ones are a usual beginning");
  }
  report.findings.insert(report.findings.end(), findings.all().begin(), findings.all().end());
}

void keep(const std::vector<Finding>& found, uint64_t most, FileReport& report) {
  for (const Finding& finding : found) {
    uint64_t& count = finding.severity() == Severity::kError ? report.errors : report.warnings;
    if (++count <= most) report.findings.push_back(finding);
  }
}

}  // namespace

bool FileReport::has_error() const {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& f) { return f.severity() == Severity::kError; });
}

FileReport check_file(const std::filesystem::path& path, const FileCheckOptions& options) {
  ExampleReader reader(path, options.load);
  return check_rows(reader, options);
}

FileReport check_rows(ExampleReader& reader, const FileCheckOptions& options) {
  FileReport report;
  report.file = reader.name();
  report.format = reader.format();
  DuplicateIndex seen;
  Row row;
  while (reader.next(row)) {
    ++report.rows;
    compare_with_others(row, report, options.compare_rows ? &seen : nullptr);
    if (row.ok() && options.inspect) options.inspect(row.example, row.findings);
    if (row.ok()) ++report.ok;
    keep(row.findings.all(), options.max_findings, report);
    if (options.on_row) options.on_row(row);
  }
  check_size(report, options.min_rows);
  return report;
}

}  // namespace hone::data
