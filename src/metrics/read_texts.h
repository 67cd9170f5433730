// Reads predictions and references: plain text with one text a line, or JSONL with one object a line.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace hone::metrics {

struct Texts {
  std::vector<std::string> texts;
  bool jsonl = false;
  size_t malformed = 0;  ///< texts with bytes that are not UTF-8, now U+FFFD
};

/// `content` is JSONL when its first line that is not blank is a JSON object, else plain lines: split
/// at \n, one \r before it dropped, empty lines kept. In JSONL the text stands under `field`; blank
/// lines are skipped. A byte order mark at the start is dropped. `source` names the file in messages.
Texts parse_texts(std::string_view content, const std::string& source, const std::string& field = "text");
Texts read_texts(const std::filesystem::path& path, const std::string& field = "text");

}  // namespace hone::metrics
