#include "metrics/read_texts.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "metrics/characters.h"

namespace hone::metrics {
namespace {

/// Calls sink(line, number from 1); a last line without \n counts, nothing after a last \n does not.
template <typename Sink>
void for_each_line(std::string_view content, Sink sink) {
  for (size_t number = 1; !content.empty(); ++number) {
    const size_t end = content.find('\n');
    std::string_view line = content.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (!sink(line, number)) return;
    if (end == content.npos) return;
    content.remove_prefix(end + 1);
  }
}

bool looks_like_jsonl(std::string_view content) {
  bool jsonl = false;
  for_each_line(content, [&](std::string_view line, size_t) {
    line = trim(line);
    if (line.empty()) return true;
    jsonl = line.front() == '{' && Json::parse(line, nullptr, false).is_object();
    return false;
  });
  return jsonl;
}

std::string text_of(std::string_view line, const std::string& place, const std::string& field) {
  const Json record = parse_json(line, place);
  if (!record.is_object()) fail_input(place, "is not a JSON object", "one {\"" + field + "\": …} a line is expected");
  const auto found = record.find(field);
  if (found == record.end()) {
    std::vector<std::string> keys;
    for (const auto& item : record.items()) keys.push_back(item.key());
    fail_input(place,
               "has no field \"" + excerpt(field, 40) + "\";" + did_you_mean(field, keys) +
                   " it has: " + excerpt(join(keys, ", "), 120),
               "name the field that holds the text with --field");
  }
  if (!found->is_string()) {
    fail_input(place, "\"" + field + "\" is " + found->type_name() + ", a string is expected");
  }
  return found->get<std::string>();
}

}  // namespace

Texts parse_texts(std::string_view content, const std::string& source, const std::string& field) {
  if (content.starts_with("\xEF\xBB\xBF")) content.remove_prefix(3);
  Texts result;
  result.jsonl = looks_like_jsonl(content);
  for_each_line(content, [&](std::string_view line, size_t number) {
    if (result.jsonl) {
      if (trim(line).empty()) return true;
      result.texts.push_back(text_of(line, format("%s:%zu", source.c_str(), number), field));
      return true;
    }
    const bool valid = is_valid_utf8(line);
    result.malformed += !valid;
    result.texts.push_back(valid ? std::string(line) : repair_utf8(line));
    return true;
  });
  return result;
}

Texts read_texts(const std::filesystem::path& path, const std::string& field) {
  return parse_texts(read_file(path), path.string(), field);
}

}  // namespace hone::metrics
