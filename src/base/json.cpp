#include "base/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

namespace hone {

Json parse_json(std::string_view text, const std::string& source) {
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::parse_error& fault) {
    const size_t at = std::min(text.size(), fault.byte > 0 ? fault.byte - 1 : 0);
    const auto before = text.substr(0, at);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const size_t line_begin = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
    const size_t shown_from = at > line_begin + 30 ? at - 30 : line_begin;
    fail_input(format("%s:%ld:%zu", source.c_str(), static_cast<long>(line), at - line_begin + 1),
               text.empty() ? "empty, expected a JSON document"
                            : "not valid JSON near \"" + excerpt(text.substr(shown_from, 60), 60) + "\"",
               "correct the syntax there; a JSON checker shows the same place");
  } catch (const nlohmann::json::out_of_range&) {  // a number such as 1e999; the library does not say where
    fail_input(source, "holds a number too large for a 64-bit float", "write a smaller number, or a string");
  }
}

Json read_json(const std::filesystem::path& path) {
  return parse_json(read_file(path), path.string());
}

void write_json(const std::filesystem::path& path, const Json& document) {
  write_file(path, document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::string to_line(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hone
