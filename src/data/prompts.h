// What a model is asked to continue: one JSON object a line, {"prompt": …} or {"messages": …, "tools": …}.
// Unlike training rows these end before the answer, so a conversation may end with any turn.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "data/example.h"

namespace hone::data {

class PromptReader {
 public:
  /// "-" is standard input. Throws Error when the file cannot be read.
  explicit PromptReader(const std::filesystem::path& path);
  /// The same from memory; `name` stands for the file in messages.
  PromptReader(std::string content, const std::string& name);
  ~PromptReader();

  /// The next line that is not blank, nothing at the end. A plain prompt becomes an example with `text`
  /// and no messages. A fault throws Error naming file, line and field.
  std::optional<Example> next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hone::data
