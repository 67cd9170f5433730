#include "data/loader.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "data/readers/reader.h"
#include "data/shapes/shape.h"

namespace hone::data {

struct ExampleReader::Impl {
  Impl(ByteSource source, LoadOptions given) : options(std::move(given)), name(source.name()) {
    if (!options.shape.empty()) forced = &shapes().at(options.shape, "--shape");
    const auto& entry = options.format.empty() ? detect_format(source) : formats().at(options.format, "--format");
    format = entry.name;
    rows = entry.make.open(std::move(source), options.max_row_bytes);
  }

  void parse(const RawRow& raw, Row& row);
  void convert(Row& row);

  LoadOptions options;
  std::string name, format;
  std::unique_ptr<RowReader> rows;
  const ShapeRegistry::Entry* forced = nullptr;
  JsonParser parser;
};

ExampleReader::ExampleReader(const std::filesystem::path& path, LoadOptions options)
    : impl_(std::make_unique<Impl>(ByteSource(path), std::move(options))) {}
ExampleReader::ExampleReader(std::string content, const std::string& name, LoadOptions options)
    : impl_(std::make_unique<Impl>(ByteSource(std::move(content), name), std::move(options))) {}
ExampleReader::~ExampleReader() = default;

const std::string& ExampleReader::name() const {
  return impl_->name;
}
const std::string& ExampleReader::format() const {
  return impl_->format;
}

bool ExampleReader::next(Row& row) {
  row.value = Value();
  row.shape.clear();
  row.example = Example();
  RawRow raw;
  if (!impl_->rows->next(raw, row.findings)) return false;
  row.raw = raw.raw;
  row.example.origin = {impl_->name, raw.line, raw.byte};
  if (!raw.json.empty()) {
    impl_->parse(raw, row);
  }
  if (row.value.is_object()) {
    impl_->convert(row);
    row.example.origin = {impl_->name, raw.line, raw.byte};
  }
  return true;
}

void ExampleReader::Impl::parse(const RawRow& raw, Row& row) {
  JsonFault fault;
  if (!parser.parse(raw.json, row.value, fault)) {
    if (raw.json_is_raw && !check_bytes(raw.json, row.findings)) return;
    const std::string_view before = raw.json.substr(0, fault.byte);
    const auto lines = raw.json_is_raw ? static_cast<size_t>(std::count(before.begin(), before.end(), '\n')) : 0;
    row.findings.add_at(raw.json_is_raw ? fault.byte : 0, lines, Check::invalid_json, "", fault.message,
                        "each row must be one whole JSON object; a JSON checker shows the same place");
  } else if (!row.value.is_object()) {
    row.findings.add(Check::not_an_object, "",
                     std::string("the row is ") + row.value.kind_name() + ", expected an object",
                     "write {\"messages\": […]} or another known record shape");
  }
}

void ExampleReader::Impl::convert(Row& row) {
  const ShapeRegistry::Entry* shape = forced != nullptr ? forced : detect_shape(row.value);
  if (shape == nullptr) return report_unknown_shape(row.value, row.findings);
  row.shape = shape->name;
  Conversion conversion;
  shape->make.convert(row.value, conversion, row.findings);
  check_content(conversion, options.limits, row.findings);
  row.example = std::move(conversion.example);
}

std::vector<Example> load_examples(const std::vector<std::filesystem::path>& paths, const LoadOptions& options,
                                   OnBadRow on_bad_row, const std::function<void(const Row&)>& rejected) {
  std::vector<Example> examples;
  for (const auto& path : paths) {
    ExampleReader reader(path, options);
    Row row;
    while (reader.next(row)) {
      if (row.ok()) {
        examples.push_back(std::move(row.example));
        continue;
      }
      if (rejected) rejected(row);
      if (on_bad_row == OnBadRow::kSkip) continue;
      const Finding& fault = row.findings.first_error();
      fail_input(place(fault, reader.name()), fault.message,
                 fault.fix + " (hone data check " + reader.name() + " lists every fault)");
    }
  }
  return examples;
}

}  // namespace hone::data
