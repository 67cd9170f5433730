// What is wrong with a row: one Finding a fault, each with the name of its check, the place and a remedy.
// checks.def lists every check; a row with an error finding is not trained on, warnings only inform.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace hone::data {

enum class Severity { kWarning, kError };

enum class Check {
#define CHECK(name, severity, summary) name,
#include "data/checks.def"
#undef CHECK
};

struct CheckInfo {
  Check check;
  const char* name;
  Severity severity;
  const char* summary;
};

/// Every check, in the order of checks.def.
std::span<const CheckInfo> all_checks();
const CheckInfo& info(Check check);
const char* severity_name(Severity severity);

struct Finding {
  uint64_t line = 0;  ///< from 1; 0 for the file as a whole
  uint64_t byte = 0;  ///< offset in the file: of the fault where it is known, else of the row's first byte
  std::string path;   ///< the field, e.g. messages[2].content
  Check check = Check::invalid_json;
  std::string message;
  std::string fix;

  Severity severity() const { return info(check).severity; }
};

/// Collects the findings of one row, the first thousand or so (a row may be hostile); `line` and `byte` are the row's
/// own unless add_at says otherwise.
class Findings {
 public:
  /// Forgets what was found and moves on to the row at this place.
  void start_row(uint64_t line, uint64_t byte);
  void add(Check check, std::string path, std::string message, std::string fix);
  /// `offset` counts bytes from the row's first one, `lines` the line breaks between.
  void add_at(size_t offset, size_t lines, Check check, std::string path, std::string message, std::string fix);
  bool has_error() const { return has_error_; }
  /// has_error() must hold.
  const Finding& first_error() const;
  const std::vector<Finding>& all() const { return all_; }

 private:
  uint64_t line_ = 0, byte_ = 0;
  bool has_error_ = false;
  std::vector<Finding> all_;
};

/// The message, or where it quotes what the row says, the summary of its check: for what is kept or shown to others.
std::string message_without_content(const Finding& finding);
/// {"line", "byte", "path", "check", "severity", "message", "fix"}
Json to_json(const Finding& finding);
/// "train.jsonl:128: messages[2].content"
std::string place(const Finding& finding, const std::string& file);
/// place and message, for errors and tables.
std::string describe(const Finding& finding, const std::string& file);

}  // namespace hone::data
