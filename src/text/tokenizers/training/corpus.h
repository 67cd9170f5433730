// The texts of files, one at a time, for training a tokenizer.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>

namespace hone::text {

/// Calls `take` with every text of the file: raw text as it is, or of each JSONL, JSON, CSV or TSV row what
/// its record shape (see `hone data`) holds: the field text, or the contents of all messages. Memory stays
/// bounded: raw text comes in parts of a megabyte, cut where a line break is followed by a character that is
/// no white space. "-" is standard input. `progress` is told how many bytes have been read and may throw to
/// stop. Rows that cannot be read throw Error naming file, line and field.
void for_each_text(const std::filesystem::path& path, const std::function<void(std::string_view)>& take,
                   const std::function<void(uint64_t)>& progress = nullptr);

}  // namespace hone::text
