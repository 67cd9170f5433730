#include "base/strings.h"
#include "data/readers/line_reader.h"
#include "data/readers/reader.h"

namespace hone::data {
namespace {

class JsonlReader : public RowReader {
 public:
  JsonlReader(ByteSource source, size_t max_row_bytes) : lines_(std::move(source), max_row_bytes) {}

  bool next(RawRow& row, Findings& findings) override {
    Line line;
    do {
      if (!lines_.next(line)) return false;
    } while (!line.too_long && trim(line.text).empty());
    findings.start_row(line.number, line.byte);
    row = {line.number, line.byte, line.text, line.text, true};
    if (line.too_long) {
      row.json = {};
      report_too_long(lines_.max_bytes(), findings);
    }
    return true;
  }

 private:
  LineReader lines_;
};

}  // namespace

Format make_jsonl_format() {
  return {{".jsonl", ".ndjson"}, [](ByteSource source, size_t max_row_bytes) -> std::unique_ptr<RowReader> {
            return std::make_unique<JsonlReader>(std::move(source), max_row_bytes);
          }};
}

}  // namespace hone::data
