// Files as rows: every format yields each row as the text of one JSON object, in constant memory. A format is
// one file here and one line in readers.def.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/registry.h"
#include "data/finding.h"
#include "data/readers/byte_source.h"

namespace hone::data {

/// A row as it stands in the file. Views live until the next call of next().
struct RawRow {
  uint64_t line = 0;        ///< of its first byte, from 1
  uint64_t byte = 0;        ///< of its first byte
  std::string_view raw;     ///< as written; the beginning only when it is over the limit
  std::string_view json;    ///< followed by JsonParser::kPadding readable bytes; empty when a finding says why
  bool json_is_raw = true;  ///< offsets in `json` are offsets in the file
};

class RowReader {
 public:
  virtual ~RowReader() = default;
  /// The next row, or false at the end. Starts the row in `findings` and adds the faults of the format.
  virtual bool next(RawRow& row, Findings& findings) = 0;
};

struct Format {
  std::vector<std::string> extensions;  ///< with the dot
  std::unique_ptr<RowReader> (*open)(ByteSource source, size_t max_row_bytes);
};
using FormatRegistry = Registry<Format>;
const FormatRegistry& formats();

/// The format that the file's name and first bytes tell; throws Error when they tell none.
const FormatRegistry::Entry& detect_format(const ByteSource& source);

/// Adds a finding for the first NUL or invalid UTF-8 of `raw`; true when there is none.
bool check_bytes(std::string_view raw, Findings& findings);
/// Adds line_too_long.
void report_too_long(size_t max_row_bytes, Findings& findings);

}  // namespace hone::data
