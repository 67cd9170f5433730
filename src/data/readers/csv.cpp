#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/strings.h"
#include "data/readers/reader.h"
#include "data/value.h"

namespace hone::data {
namespace {

/// Where a record ends, and its fields (RFC 4180: a field in quotes may hold separators, line breaks and
/// doubled quotes; a quote inside an unquoted field is an ordinary character).
class RecordScanner {
 public:
  explicit RecordScanner(char separator) : separator_(separator) {}

  /// True when the record ends in `window`; `length` is then its size with the line break.
  bool scan(std::string_view window, size_t& length) {
    for (; at_ < window.size(); ++at_) {
      const char c = window[at_];
      if (state_ == State::kQuoted) {
        if (c == '"') state_ = State::kQuoteSeen;
      } else if (c == '"' && state_ != State::kPlain) {
        state_ = State::kQuoted;  // opens the field, or was the second of a doubled quote
      } else if (c == '\n') {
        return length = at_ + 1, true;
      } else {
        state_ = c == separator_ ? State::kFieldStart : State::kPlain;
      }
    }
    return false;
  }
  bool inside_quotes() const { return state_ == State::kQuoted; }

 private:
  enum class State { kFieldStart, kPlain, kQuoted, kQuoteSeen };
  char separator_;
  size_t at_ = 0;
  State state_ = State::kFieldStart;
};

std::vector<std::string> split_record(std::string_view record, char separator) {
  std::vector<std::string> fields;
  size_t at = 0;
  while (true) {
    std::string field;
    if (at < record.size() && record[at] == '"') {
      for (++at; at < record.size(); ++at) {
        if (record[at] == '"') {
          if (at + 1 >= record.size() || record[at + 1] != '"') break;
          ++at;
        }
        field += record[at];
      }
      ++at;  // the closing quote; what follows it up to the separator belongs to the field
    }
    const size_t end = std::min(record.find(separator, std::min(at, record.size())), record.size());
    if (at < end) field += record.substr(at, end - at);
    fields.push_back(std::move(field));
    if (end >= record.size()) return fields;
    at = end + 1;
  }
}

/// The separator that the header uses most.
char sniff_separator(std::string_view header) {
  char best = ',';
  for (const char candidate : {';', '\t', '|'}) {
    if (std::count(header.begin(), header.end(), candidate) > std::count(header.begin(), header.end(), best))
      best = candidate;
  }
  return best;
}

class CsvReader : public RowReader {
 public:
  CsvReader(ByteSource source, size_t max_row_bytes) : source_(std::move(source)), max_bytes_(max_row_bytes) {
    read_header();
  }

  bool next(RawRow& row, Findings& findings) override {
    std::string_view record;
    bool closed = true;
    do {
      if (!read_record(record, closed)) return false;
    } while (closed && trim(record).empty());
    findings.start_row(source_.line(), source_.position());
    row = {source_.line(), source_.position(), record, {}, false};
    if (!closed) {
      findings.add(Check::unclosed_quote, "",
                   "a quote opens a field here and the file (or the limit of " +
                       human_bytes(static_cast<double>(max_bytes_)) + " a row) ends before it closes",
                   "close the quote, or double it (\"\") if it is part of the text");
      row.raw = record.substr(0, 1024);
      return true;
    }
    if (!check_bytes(record, findings)) return true;
    std::vector<std::string> fields = split_record(record, separator_);
    if (fields.size() != header_.size()) {
      findings.add(Check::wrong_column_count, "",
                   format("%zu fields, the header has %zu", fields.size(), header_.size()),
                   "put a text that holds the separator or a line break in double quotes");
      return true;
    }
    row.json = to_object(fields);
    return true;
  }

 private:
  /// False at the end. `record` is without its line break.
  bool read_record(std::string_view& record, bool& closed) {
    source_.skip(std::exchange(pending_, 0));
    RecordScanner scanner(separator_);
    size_t length = 0;
    closed = true;
    while (!scanner.scan(source_.window(), length)) {
      length = source_.window().size();
      closed = length <= max_bytes_;
      if (!closed || !source_.fill()) break;
    }
    if (source_.window().empty()) return false;
    if (length == source_.window().size()) closed = closed && !scanner.inside_quotes();
    pending_ = length;
    record = source_.window().substr(0, length);
    if (ends_with(record, "\n")) record.remove_suffix(1);
    if (ends_with(record, "\r")) record.remove_suffix(1);
    return true;
  }

  void read_header() {
    while (source_.window().find('\n') == std::string_view::npos && source_.window().size() < max_bytes_ &&
           source_.fill()) {
    }
    const std::string_view window = source_.window();
    separator_ = sniff_separator(window.substr(0, window.find('\n')));
    std::string_view record;
    bool closed = true;
    if (!read_record(record, closed)) return;
    Findings faults;
    if (!closed)
      fail_input(source_.name() + ":1", "the header's quotes do not close", "the first line must name the columns");
    if (!check_bytes(record, faults)) fail_input(source_.name() + ":1", faults.all()[0].message, faults.all()[0].fix);
    for (const std::string& name : split_record(record, separator_)) {
      const std::string column(trim(name));
      if (column.empty() || std::find(header_.begin(), header_.end(), column) != header_.end()) {
        fail_input(source_.name() + ":1",
                   column.empty() ? "a column of the header has no name" : "two columns are called \"" + column + "\"",
                   "the first line must name every column once");
      }
      header_.push_back(column);
    }
  }

  std::string_view to_object(const std::vector<std::string>& fields) {
    object_ = "{";
    for (size_t i = 0; i < fields.size(); ++i) {
      if (i > 0) object_ += ',';
      object_ += json_quote(header_[i]) + ":" + json_quote(fields[i]);
    }
    object_ += "}";
    const size_t size = object_.size();
    object_.append(JsonParser::kPadding, '\0');
    return std::string_view(object_).substr(0, size);
  }

  ByteSource source_;
  size_t max_bytes_, pending_ = 0;
  char separator_ = ',';
  std::vector<std::string> header_;
  std::string object_;
};

}  // namespace

Format make_csv_format() {
  return {{".csv"}, [](ByteSource source, size_t max_row_bytes) -> std::unique_ptr<RowReader> {
            return std::make_unique<CsvReader>(std::move(source), max_row_bytes);
          }};
}

}  // namespace hone::data
