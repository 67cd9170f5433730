// The options of a command in a YAML file: `--max-running 8` is `max_running: 8`. The keys are the options' own names,
// so that a new option is a key from its first day.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/config/fields.h"

namespace CLI {
class App;
}

namespace hone::cli {

struct OptionFileRules {
  std::set<std::string> left_out;              ///< keys of options that make no sense in a file
  std::set<std::string> required;              ///< keys that the command line or the file must give
  std::map<std::string, FieldRules> limits;    ///< by key; they hold on the command line as well
  std::map<std::string, std::string> aliases;  ///< what other programs call a key, for suggestions
  /// What is shown of a value that holds a secret, by key.
  std::map<std::string, std::string (*)(const std::string&)> secrets;
};

/// Adds --config and --print-config. Made when the command has all its other options; the command's callback calls
/// read() before it looks at them.
class OptionFile {
 public:
  OptionFile(CLI::App& app, OptionFileRules rules);
  ~OptionFile();
  /// Gives the options what the file says, where neither the command line nor the environment does. Throws one Error
  /// that tells of all faults with file, line and column; also where something required is in neither. False when
  /// --print-config has printed the settings in force (as JSON if `json`), and there is nothing more to do.
  bool read(bool json);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace hone::cli
