#include "data/prompts.h"

#include "base/error.h"
#include "base/strings.h"
#include "data/finding.h"
#include "data/readers/line_reader.h"
#include "data/shapes/shape.h"
#include "data/utf8.h"
#include "data/value.h"

namespace hone::data {
namespace {

constexpr size_t kMaxLineBytes = size_t{64} << 20;

[[noreturn]] void fail_line(const Origin& origin, const std::string& path, const std::string& message,
                            const std::string& fix) {
  fail_input(format("%s:%lu%s%s", origin.file.c_str(), origin.line, path.empty() ? "" : ": ", path.c_str()), message,
             fix);
}

}  // namespace

struct PromptReader::Impl {
  explicit Impl(ByteSource source) : lines(std::move(source), kMaxLineBytes) {}

  Value parse(const Line& line, const Origin& origin);

  LineReader lines;
  JsonParser parser;
};

PromptReader::PromptReader(const std::filesystem::path& path) : impl_(std::make_unique<Impl>(ByteSource(path))) {}
PromptReader::PromptReader(std::string content, const std::string& name)
    : impl_(std::make_unique<Impl>(ByteSource(std::move(content), name))) {}
PromptReader::~PromptReader() = default;

Value PromptReader::Impl::parse(const Line& line, const Origin& origin) {
  if (line.too_long) {
    fail_line(origin, "", format("the line is longer than %zu MiB", kMaxLineBytes >> 20),
              "one prompt a line is expected");
  }
  Value row;
  JsonFault fault;
  if (!parser.parse(line.text, row, fault)) {
    fail_line(origin, "", format("byte %zu: %s", fault.byte, fault.message.c_str()),
              "write one JSON object a line: {\"prompt\": \"…\"} or {\"messages\": […]}");
  }
  if (!row.is_object() || (!row.member("prompt").exists() && !row.member("messages").exists())) {
    fail_line(
        origin, "",
        std::string("neither \"prompt\" nor \"messages\" in ") + (row.is_object() ? "the object" : row.kind_name()),
        "write {\"prompt\": \"…\"} or {\"messages\": […]}");
  }
  return row;
}

std::optional<Example> PromptReader::next() {
  Line line;
  do {
    if (!impl_->lines.next(line)) return std::nullopt;
  } while (!line.too_long && trim(line.text).empty());
  const Origin origin{impl_->lines.source().name(), line.number, line.byte};
  const Value row = impl_->parse(line, origin);
  Findings findings;
  findings.start_row(line.number, line.byte);
  Conversion conversion;
  const Value messages = row.member("messages");
  if (!messages.exists()) {
    conversion.example.text = require_text(row, {"prompt"}, findings);
  } else if (!messages.is_array() || messages.items().empty()) {
    fail_line(origin, "messages", std::string("is ") + (messages.is_array() ? "an empty list" : messages.kind_name()),
              "write \"messages\": [{\"role\": \"user\", \"content\": …}]");
  } else {
    size_t index = 0;
    for (const Value& message : messages.items()) convert_message(message, "messages", index++, conversion, findings);
    conversion.example.tools_json = read_tools(row, findings);
  }
  if (findings.has_error()) {
    const Finding& first = findings.first_error();
    fail_line(origin, first.path, first.message, first.fix);
  }
  conversion.example.origin = origin;
  return std::move(conversion.example);
}

}  // namespace hone::data
