#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "data/readers/line_reader.h"
#include "data/readers/reader.h"
#include "data/value.h"

namespace hone::data {
namespace {

/// Corpora in TSV use quotes as ordinary characters far more often than as CSV does, so a row is always one
/// line, and a field is unquoted only where it begins and ends with a quote and all between are doubled.
std::string unquote(std::string_view field) {
  if (field.size() < 2 || field.front() != '"' || field.back() != '"') return std::string(field);
  std::string text;
  const std::string_view inner = field.substr(1, field.size() - 2);
  for (size_t i = 0; i < inner.size(); ++i) {
    if (inner[i] == '"' && (++i >= inner.size() || inner[i] != '"')) return std::string(field);
    text += inner[i];
  }
  return text;
}

class TsvReader : public RowReader {
 public:
  TsvReader(ByteSource source, size_t max_row_bytes) : lines_(std::move(source), max_row_bytes) {
    Line line;
    if (!lines_.next(line)) return;
    Findings faults;
    const std::string place = lines_.source().name() + ":1";
    if (!check_bytes(line.text, faults)) fail_input(place, faults.all()[0].message, faults.all()[0].fix);
    for (const std::string& name : split(line.text, '\t')) {
      header_.push_back(unquote(trim(name)));
      if (header_.back().empty())
        fail_input(place, "a column of the header has no name", "the first line must name every column");
    }
  }

  bool next(RawRow& row, Findings& findings) override {
    Line line;
    do {
      if (!lines_.next(line)) return false;
    } while (!line.too_long && line.text.empty());
    findings.start_row(line.number, line.byte);
    row = {line.number, line.byte, line.text, {}, false};
    if (line.too_long) {
      report_too_long(lines_.max_bytes(), findings);
      return true;
    }
    if (!check_bytes(line.text, findings)) return true;
    const std::vector<std::string> fields = split(line.text, '\t');
    if (fields.size() != header_.size()) {
      findings.add(Check::wrong_column_count, "",
                   format("%zu fields, the header has %zu", fields.size(), header_.size()),
                   "a field may hold neither tab nor line break; use CSV or JSONL for such texts");
      return true;
    }
    object_ = "{";
    for (size_t i = 0; i < fields.size(); ++i) {
      object_ += (i > 0 ? "," : "") + json_quote(header_[i]) + ":" + json_quote(unquote(fields[i]));
    }
    object_ += "}";
    const size_t size = object_.size();
    object_.append(JsonParser::kPadding, '\0');
    row.json = std::string_view(object_).substr(0, size);
    return true;
  }

 private:
  LineReader lines_;
  std::vector<std::string> header_;
  std::string object_;
};

}  // namespace

Format make_tsv_format() {
  return {{".tsv", ".tab"}, [](ByteSource source, size_t max_row_bytes) -> std::unique_ptr<RowReader> {
            return std::make_unique<TsvReader>(std::move(source), max_row_bytes);
          }};
}

}  // namespace hone::data
