#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "data/readers/reader.h"
#include "data/utf8.h"

namespace hone::data {

#define READER(name, summary) Format make_##name##_format();
#include "data/readers/readers.def"
#undef READER

const FormatRegistry& formats() {
  static const FormatRegistry all = [] {
    FormatRegistry registry("file format");
#define READER(name, summary) registry.add({#name, summary, make_##name##_format()});
#include "data/readers/readers.def"
#undef READER
    return registry;
  }();
  return all;
}

const FormatRegistry::Entry& detect_format(const ByteSource& source) {
  const std::string_view head = source.window();
  const size_t first = head.find_first_not_of(" \t\r\n");
  const char lead = first == std::string_view::npos ? '\0' : head[first];
  std::string extension = std::filesystem::path(source.name()).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  for (const auto& entry : formats().entries()) {
    const auto& known = entry.make.extensions;
    if (std::find(known.begin(), known.end(), extension) == known.end()) continue;
    // People call JSON lists .jsonl and JSON lines .json; the first bytes settle it.
    if (entry.name == "jsonl" && lead == '[') return formats().at("json", source.name());
    if (entry.name == "json" && lead == '{') {
      const size_t line_end = head.find('\n', first);
      const size_t last = head.substr(0, line_end).find_last_not_of(" \t\r\n");
      if (head[last] == '}' && last > first) return formats().at("jsonl", source.name());
    }
    return entry;
  }
  if (lead == '[') return formats().at("json", source.name());
  if (lead == '{' || lead == '\0') return formats().at("jsonl", source.name());
  std::string names;
  for (const auto& entry : formats().entries()) names += (names.empty() ? "" : ", ") + entry.name;
  fail_input(source.name(), "neither its name nor its first bytes tell the file format",
             "name the format (--format): " + names);
}

bool check_bytes(std::string_view raw, Findings& findings) {
  const size_t nul = raw.find('\0'), broken = find_invalid_utf8(raw);
  if (nul == std::string_view::npos && broken == std::string_view::npos) return true;
  const size_t at = std::min(nul, broken);
  const auto lines = static_cast<size_t>(std::count(raw.begin(), raw.begin() + static_cast<ptrdiff_t>(at), '\n'));
  const std::string shown = excerpt(raw.substr(at > 12 ? at - 12 : 0, 48), 24);
  if (at == nul) {
    findings.add_at(at, lines, Check::nul_character, "", "a NUL byte near \"" + shown + "\"",
                    "remove it; files with many are often UTF-16 without a mark or cut short while being written");
  } else {
    findings.add_at(at, lines, Check::invalid_utf8, "",
                    format("byte 0x%02x is not UTF-8, near \"%s\"", static_cast<unsigned char>(raw[at]), shown.c_str()),
                    "save the file as UTF-8; Korean files of old programs: iconv -f CP949 -t UTF-8 FILE > NEW");
  }
  return false;
}

void report_too_long(size_t max_row_bytes, Findings& findings) {
  findings.add(Check::line_too_long, "",
               "longer than the limit of " + human_bytes(static_cast<double>(max_row_bytes)) + " a row",
               "split it; if this is one JSON document, give it the extension .json");
}

}  // namespace hone::data
