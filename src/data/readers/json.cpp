#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "data/readers/reader.h"
#include "data/value.h"

namespace hone::data {
namespace {

constexpr const char* kBlank = " \t\r\n";

/// Finds where one JSON value ends without judging it: strings and brackets are all that matters.
class ValueScanner {
 public:
  /// Looks at `window` from where it stopped. True when the value ends inside; `length` is then its size.
  bool scan(std::string_view window, size_t& length) {
    for (; at_ < window.size(); ++at_) {
      const char c = window[at_];
      if (in_string_) {
        if (escaped_)
          escaped_ = false;
        else if (c == '\\')
          escaped_ = true;
        else if (c == '"')
          in_string_ = false;
        if (!in_string_ && depth_ == 0) return length = at_ + 1, true;
        continue;
      }
      const bool separates = c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
      if (depth_ == 0 && at_ > 0 && (separates || c == ']' || c == '}' || c == '{' || c == '[')) {
        return length = at_, true;  // a bare word or number ends before this byte
      }
      if (c == '"') in_string_ = true;
      if (c == '{' || c == '[') ++depth_;
      if (c == '}' || c == ']') {
        if (depth_ <= 1) return length = at_ + 1, true;
        --depth_;
      }
    }
    return false;
  }
  /// The window moved on by `count` bytes.
  void moved(size_t count) { at_ -= count; }

 private:
  size_t at_ = 0, depth_ = 0;
  bool in_string_ = false, escaped_ = false;
};

class JsonReader : public RowReader {
 public:
  JsonReader(ByteSource source, size_t max_row_bytes) : source_(std::move(source)), max_bytes_(max_row_bytes) {}

  bool next(RawRow& row, Findings& findings) override {
    source_.skip(std::exchange(pending_, 0));
    while (skip_blank()) {
      const char c = source_.window().front();
      if (!started_ && c == '[') {
        in_list_ = true;
      } else if (in_list_ && (c == ',' || c == ']')) {
        const bool misplaced = comma_ || (c == ',' && rows_ == 0);
        in_list_ = c == ',';
        closed_ = c == ']';
        comma_ = c == ',';
        if (misplaced) return report_comma(row, findings);
      } else {
        return read_value(row, findings, std::exchange(comma_, false));
      }
      started_ = true;
      source_.skip(1);
    }
    if (!in_list_) return false;
    in_list_ = false;  // said once
    findings.start_row(source_.line(), source_.position());
    row = {source_.line(), source_.position(), {}, {}, true};
    findings.add(Check::invalid_json, "", "the file ends inside its list: the closing ] is missing",
                 "the file was probably cut short; copy or export it again");
    return true;
  }

 private:
  /// False at the end of the file.
  bool skip_blank() {
    while (true) {
      const size_t first = source_.window().find_first_not_of(kBlank);
      source_.skip(std::min(first, source_.window().size()));
      if (first != std::string_view::npos) return true;
      if (!source_.fill()) return false;
    }
  }

  /// One byte that stands where an element should; a row of its own, so that it is counted and said once.
  bool report_comma(RawRow& row, Findings& findings) {
    findings.start_row(source_.line(), source_.position());
    row = {source_.line(), source_.position(), source_.window().substr(0, 1), {}, true};
    findings.add(Check::invalid_json, "", "a comma of the list with nothing beside it",
                 "remove the comma, or put the missing element there");
    pending_ = 1;
    ++rows_;
    return true;
  }

  bool read_value(RawRow& row, Findings& findings, bool comma) {
    findings.start_row(source_.line(), source_.position());
    row = {source_.line(), source_.position(), {}, {}, true};
    started_ = true;
    ValueScanner scanner;
    size_t length = 0;
    while (!scanner.scan(source_.window(), length)) {
      if (source_.window().size() > max_bytes_) return skip_too_long(row, findings, scanner);
      if (source_.fill()) continue;
      length = source_.window().size();
      in_list_ = false;  // one message about the cut file is enough
      break;
    }
    pending_ = length;
    row.raw = row.json = source_.window().substr(0, length);
    if (length > max_bytes_) {
      row.raw = row.raw.substr(0, 1024);
      row.json = {};
      report_too_long(max_bytes_, findings);
    } else if (closed_) {
      row.json = {};
      findings.add(Check::invalid_json, "", "text after the list's closing ]", "keep one list a file, or write JSONL");
    } else if (in_list_ && rows_ > 0 && !comma) {
      row.json = {};
      findings.add(Check::invalid_json, "", "no comma between two elements of the list",
                   "put a comma before this element");
    }
    ++rows_;
    return true;
  }

  bool skip_too_long(RawRow& row, Findings& findings, ValueScanner& scanner) {
    beginning_ = source_.window().substr(0, 1024);
    row.raw = beginning_;
    report_too_long(max_bytes_, findings);
    size_t length = 0;
    while (!scanner.scan(source_.window(), length)) {
      const size_t seen = source_.window().size();
      source_.skip(seen);
      scanner.moved(seen);
      if (!source_.fill()) break;
    }
    source_.skip(std::min(length, source_.window().size()));
    ++rows_;
    return true;
  }

  ByteSource source_;
  size_t max_bytes_, pending_ = 0;
  uint64_t rows_ = 0;
  bool started_ = false, in_list_ = false, closed_ = false;
  bool comma_ = false;  // since the last element
  std::string beginning_;
};

}  // namespace

Format make_json_format() {
  return {{".json"}, [](ByteSource source, size_t max_row_bytes) -> std::unique_ptr<RowReader> {
            return std::make_unique<JsonReader>(std::move(source), max_row_bytes);
          }};
}

}  // namespace hone::data
