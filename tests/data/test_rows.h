// Rows from a text, for tests of readers, shapes and checks.
#pragma once
#include <string>
#include <vector>

#include "data/loader.h"

namespace hone::data {

struct ReadRow {
  std::string raw, shape;
  Example example;
  std::vector<Finding> findings;
  bool ok = false;

  /// Names of the checks that found something, in order.
  std::vector<std::string> checks() const {
    std::vector<std::string> names;
    for (const Finding& finding : findings) names.emplace_back(info(finding.check).name);
    return names;
  }
};

inline std::vector<ReadRow> read_rows(const std::string& content, const std::string& name = "test.jsonl",
                                      LoadOptions options = {}) {
  std::vector<ReadRow> rows;
  ExampleReader reader(content, name, std::move(options));
  Row row;
  while (reader.next(row)) rows.push_back({std::string(row.raw), row.shape, row.example, row.findings.all(), row.ok()});
  return rows;
}

/// The only row of `content`.
inline ReadRow read_row(const std::string& content, const std::string& name = "test.jsonl", LoadOptions options = {}) {
  auto rows = read_rows(content, name, std::move(options));
  return rows.size() == 1 ? rows[0] : ReadRow();
}

}  // namespace hone::data
