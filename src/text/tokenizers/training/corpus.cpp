#include "text/tokenizers/training/corpus.h"

#include <algorithm>

#include "base/error.h"
#include "data/readers/byte_source.h"
#include "data/readers/reader.h"
#include "data/shapes/shape.h"
#include "data/value.h"
#include "text/unicode.h"

namespace hone::text {
namespace {

constexpr size_t kPart = size_t{1} << 20;
constexpr size_t kMaxRowBytes = size_t{64} << 20;

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// Where a part of raw text may end: behind the last line break that something other than white space
/// follows; without one, in front of the last character.
size_t cut(std::string_view text) {
  for (size_t at = text.size() - 1; at > 0; --at) {
    if (text[at - 1] == '\n' && !is_blank(text[at])) return at;
  }
  const size_t whole = text.size() - unfinished_utf8_suffix(text);
  return whole > 0 ? whole : text.size();
}

void read_text(data::ByteSource& source, const std::function<void(std::string_view)>& take,
               const std::function<void(uint64_t)>& progress) {
  for (bool more = true; more;) {
    while (source.window().size() < kPart && more) more = source.fill();
    const std::string_view window = source.window();
    if (window.empty()) break;
    const size_t end = more ? cut(window) : window.size();
    take(window.substr(0, end));
    source.skip(end);
    if (progress) progress(source.position());
  }
}

/// By the extension; a file without one (or standard input) holds rows when it begins as JSON does.
bool is_plain_text(const data::ByteSource& source) {
  std::string extension = std::filesystem::path(source.name()).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (extension.empty()) {
    const std::string_view head = source.window();
    const size_t first = head.find_first_not_of(" \t\r\n");
    return first == std::string_view::npos || (head[first] != '{' && head[first] != '[');
  }
  for (const auto& format : data::formats().entries()) {
    const auto& known = format.make.extensions;
    if (std::find(known.begin(), known.end(), extension) != known.end()) return format.name == "text";
  }
  return true;
}

void take_row(const data::Value& row, data::Findings& findings, const std::function<void(std::string_view)>& take) {
  if (!row.is_object()) {
    return findings.add(data::Check::not_an_object, "",
                        std::string("the row is ") + row.kind_name() + ", expected an object",
                        "write {\"text\": …} or {\"messages\": […]}");
  }
  const auto* shape = data::detect_shape(row);
  if (shape == nullptr) return data::report_unknown_shape(row, findings);
  data::Conversion conversion;
  shape->make.convert(row, conversion, findings);
  if (!conversion.example.text.empty()) take(conversion.example.text);
  for (const data::Message& message : conversion.example.messages) {
    if (!message.content.empty()) take(message.content);
  }
}

/// A turn without text is nothing to learn words from, and no fault here.
bool matters(const data::Finding& finding) {
  return finding.severity() == data::Severity::kError && finding.check != data::Check::null_content &&
         finding.check != data::Check::empty_content;
}

void read_rows(const data::Format& format, data::ByteSource source, const std::function<void(std::string_view)>& take,
               const std::function<void(uint64_t)>& progress) {
  const std::string name = source.name();
  const auto rows = format.open(std::move(source), kMaxRowBytes);
  data::JsonParser parser;
  data::RawRow raw;
  data::Findings findings;
  while (rows->next(raw, findings)) {
    data::Value row;
    data::JsonFault fault;
    if (!raw.json.empty() && (!raw.json_is_raw || data::check_bytes(raw.json, findings))) {
      if (!parser.parse(raw.json, row, fault)) {
        findings.add_at(raw.json_is_raw ? fault.byte : 0, 0, data::Check::invalid_json, "", fault.message,
                        "each row must be one whole JSON object");
      } else {
        take_row(row, findings, take);
      }
    }
    const auto& all = findings.all();
    if (const auto it = std::find_if(all.begin(), all.end(), matters); it != all.end()) {
      fail_input(data::place(*it, name), it->message, it->fix);
    }
    if (progress) progress(raw.byte);
  }
}

}  // namespace

void for_each_text(const std::filesystem::path& path, const std::function<void(std::string_view)>& take,
                   const std::function<void(uint64_t)>& progress) {
  data::ByteSource source(path);
  if (is_plain_text(source)) {
    read_text(source, take, progress);
  } else {
    const data::Format& format = data::detect_format(source).make;
    read_rows(format, std::move(source), take, progress);
  }
}

}  // namespace hone::text
