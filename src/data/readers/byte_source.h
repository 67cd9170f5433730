// A file (or standard input) seen through a window that slides over it, so that readers need no more memory
// than their longest row.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace hone::data {

class ByteSource {
 public:
  /// "-" is standard input. Skips a UTF-8 byte order mark; UTF-16 and compressed content throw Error.
  explicit ByteSource(const std::filesystem::path& path);
  /// Reads from memory: tests and fuzzers.
  ByteSource(std::string content, std::string name);
  ~ByteSource();
  ByteSource(ByteSource&& other) noexcept;
  ByteSource(const ByteSource&) = delete;

  /// What is visible from the current position. Followed by JsonParser::kPadding readable bytes; valid
  /// until the next fill().
  std::string_view window() const { return {buffer_.data() + begin_, end_ - begin_}; }
  /// Makes more visible; false at the end of the file.
  bool fill();
  /// Moves on by `count` bytes of the window and counts the line breaks in them.
  void skip(size_t count);

  uint64_t position() const { return position_; }  ///< offset in the file
  uint64_t line() const { return line_; }          ///< from 1
  const std::string& name() const { return name_; }

 private:
  void check_beginning();

  std::string name_;
  int descriptor_ = -1;
  bool owned_ = false, at_end_ = false;
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0;
  uint64_t position_ = 0, line_ = 1;
};

}  // namespace hone::data
