#include "base/strings.h"
#include "data/readers/line_reader.h"
#include "data/readers/reader.h"
#include "data/value.h"

namespace hone::data {
namespace {

class TextReader : public RowReader {
 public:
  TextReader(ByteSource source, size_t max_row_bytes) : lines_(std::move(source), max_row_bytes) {}

  bool next(RawRow& row, Findings& findings) override {
    document_.clear();
    Line line;
    while (lines_.next(line)) {
      if (!line.too_long && trim(line.text).empty()) {
        if (document_.empty()) continue;
        break;
      }
      if (document_.empty()) {
        findings.start_row(line.number, line.byte);
        row = {line.number, line.byte, {}, {}, false};
      } else {
        document_ += '\n';
      }
      document_ += line.text;
      if (line.too_long || document_.size() > lines_.max_bytes()) {
        report_too_long(lines_.max_bytes(), findings);
        row.raw = std::string_view(document_).substr(0, 1024);
        return true;
      }
    }
    if (document_.empty()) return false;
    row.raw = document_;
    if (!check_bytes(document_, findings)) return true;
    object_ = "{\"text\":" + json_quote(document_) + "}";
    const size_t size = object_.size();
    object_.append(JsonParser::kPadding, '\0');
    row.json = std::string_view(object_).substr(0, size);
    return true;
  }

 private:
  LineReader lines_;
  std::string document_, object_;
};

}  // namespace

Format make_text_format() {
  return {{".txt", ".text", ".md"}, [](ByteSource source, size_t max_row_bytes) -> std::unique_ptr<RowReader> {
            return std::make_unique<TextReader>(std::move(source), max_row_bytes);
          }};
}

}  // namespace hone::data
