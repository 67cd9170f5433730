// A list of things that can be chosen by name: families, methods, objectives, metrics, formats.
// Each entry is one file and one line in the folder's .def list; `hone list KIND` prints from here.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/strings.h"

namespace hone {

/// `Maker` is whatever makes or describes the thing: a function pointer, a struct of them.
template <typename Maker>
class Registry {
 public:
  struct Entry {
    std::string name;     ///< as written in configurations
    std::string summary;  ///< one line for `hone list` and the documentation
    Maker make;
  };

  /// `kind` is the word used in messages, e.g. "objective".
  explicit Registry(std::string kind) : kind_(std::move(kind)) {}

  void add(Entry entry) { entries_.push_back(std::move(entry)); }
  const std::vector<Entry>& entries() const { return entries_; }
  const std::string& kind() const { return kind_; }

  /// The entry called `name`; an unknown name throws Error with a suggestion and the known names.
  /// `place` says where the name was read, e.g. "config.yaml:3: objective".
  const Entry& at(const std::string& name, const std::string& place) const {
    std::vector<std::string> names;
    for (const Entry& entry : entries_) {
      if (entry.name == name) return entry;
      names.push_back(entry.name);
    }
    fail_input(place,
               kind_ + " \"" + name + "\" is unknown;" + did_you_mean(name, names) + " known: " + join(names, ", "));
  }

  bool contains(const std::string& name) const {
    for (const Entry& entry : entries_) {
      if (entry.name == name) return true;
    }
    return false;
  }

 private:
  std::string kind_;
  std::vector<Entry> entries_;
};

}  // namespace hone
