// JSON documents where convenience counts more than speed. Large JSONL goes through src/data.
#pragma once
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace hone {

/// Keeps the order in which keys were written, so that what we write back reads as it came.
/// Sources that touch a document include <nlohmann/json.hpp> themselves.
using Json = nlohmann::ordered_json;

/// Parses one document; a fault throws Error naming `source`, line and column.
Json parse_json(std::string_view text, const std::string& source);
Json read_json(const std::filesystem::path& path);
/// Writes whole or not at all (see write_file), indented by two, non-ASCII text as it is.
void write_json(const std::filesystem::path& path, const Json& document);
/// One line without a line break; invalid UTF-8 becomes U+FFFD rather than an exception.
std::string to_line(const Json& document);

}  // namespace hone
