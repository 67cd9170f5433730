// Answers kept apart from scores: a JSON line each, appended in the order of the examples, so that a run that
// was stopped goes on where it was and figures can be made again without a model. docs/evaluation.md tells
// the fields.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>

namespace hone::evaluate {

struct Answer {
  size_t index = 0;    ///< of the example, from 0
  std::string prompt;  ///< the last turn before the answer, for readers
  std::string reference, text;
  std::string finish_reason;  ///< stop, length; "too_long" when the prompt left no room for an answer
  int64_t tokens = 0;         ///< generated
};

class SamplesFile {
 public:
  /// Opens or makes the file and takes it for this process alone. A last line without a line break was torn
  /// by a crash and is cut off; any other line that cannot be read throws Error naming it.
  explicit SamplesFile(const std::filesystem::path& path);
  ~SamplesFile();
  SamplesFile(const SamplesFile&) = delete;
  SamplesFile& operator=(const SamplesFile&) = delete;

  /// The answer that an earlier run gave under this key (see answer_key), nullptr if none.
  const Answer* find(const std::string& key) const;
  size_t size() const { return answers_.size(); }
  /// One line, written whole; it is on the disk when this returns.
  void append(const std::string& key, const Answer& answer);

 private:
  void read(const std::string& content);
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::unordered_map<std::string, Answer> answers_;
};

}  // namespace hone::evaluate
