// Reads a YAML configuration and overrides from the command line into declared fields, and gathers every
// fault on the way, so that a person mends a file once and not once per fault.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/config/fields.h"

namespace hone {

class ConfigReader {
 public:
  /// `source` names the text in messages. `overrides` are "dotted.path=value" with the value in YAML; a
  /// later one wins over an earlier one and over the file, and replaces a list or map as a whole.
  /// `aliases` maps what other tools call a setting to its path here, for suggestions only.
  ConfigReader(const std::string& text, const std::string& source, const std::vector<std::string>& overrides = {},
               std::map<std::string, std::string> aliases = {});
  ~ConfigReader();

  /// Fills the fields' targets; what is not mentioned keeps its value. Faults are noted, not thrown.
  void read(const Fields& fields);
  /// Whether the file or an override gave `path` a value.
  bool is_set(const std::string& path) const;
  /// Notes a fault at the place where `path` was given (or in general, if it was not).
  void fault(const std::string& path, const std::string& message, const std::string& remedy = "");
  /// Throws one Error(kInput) that tells of all faults noted, in the order of the file; none: returns.
  void finish() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hone
