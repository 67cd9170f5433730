#include "base/config/reader.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "base/config/assign.h"
#include "base/config/yaml.h"
#include "base/error.h"
#include "base/strings.h"

namespace hone {
namespace {

constexpr size_t kShownFaults = 40;

std::string last_part(const std::string& path) {
  return path.substr(path.rfind('.') + 1);
}
std::string first_parts(const std::string& path) {
  const size_t dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

/// "Learning-Rate" and "learning_rate" are the same word to a person.
std::string normal(std::string word) {
  for (char& c : word) c = c == '-' || c == ' ' ? '_' : c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return word;
}

struct Fault {
  std::tuple<int, int, int> order;  // source (0 the file, then each override), line, column
  std::string place, message, remedy;
};

struct Source {
  int number = 0;    // 0 the file, n the nth override
  std::string name;  // as shown
};

struct Given {
  const Source* source;
  int line, column;
};

}  // namespace

struct ConfigReader::Impl {
  Source file;
  YamlNode root;
  std::vector<std::pair<Source, YamlNode>> overrides;  // each a chain of maps down to the value
  std::map<std::string, std::string> aliases;
  std::map<std::string, Given> given;
  std::vector<Fault> faults;

  std::map<std::string, const Field*> fields;  // while reading
  std::set<std::string> sections;

  void note(const Source& source, const YamlNode& node, const std::string& path, std::string message,
            std::string remedy = "") {
    std::string place =
        source.number == 0 ? format("%s:%d:%d", source.name.c_str(), node.line, node.column) : source.name;
    if (!path.empty()) place += ": " + excerpt(path, 120);
    faults.push_back(
        {{source.number, node.line, node.column}, std::move(place), std::move(message), std::move(remedy)});
  }

  void note(const Error& error, int source_number) {
    faults.push_back({{source_number, 0, 0}, error.place(), error.message(), error.remedy()});
  }

  void add_override(const std::string& assignment, int number) {
    const Source source = {number, "command line: \"" + excerpt(assignment, 120) + "\""};
    const size_t equals = assignment.find('=');
    const std::string path(trim(assignment.substr(0, equals)));
    if (equals == std::string::npos || path.empty()) {
      note(source, YamlNode{}, "", "is not of the form key=value", "write for example training.learning_rate=1e-4");
      return;
    }
    try {
      YamlNode value = parse_yaml(assignment.substr(equals + 1), source.name);
      const std::vector<std::string> parts = split(path, '.');
      for (size_t i = parts.size(); i-- > 0;) {
        YamlNode map, key;
        map.kind = YamlNode::Kind::kMap;
        key.kind = YamlNode::Kind::kScalar;
        key.text = parts[i];
        map.entries.push_back({std::move(key), std::move(value)});
        value = std::move(map);
      }
      overrides.emplace_back(source, std::move(value));
    } catch (const Error& error) {
      note(error, number);
    }
  }

  /// What else an unknown key may have meant.
  std::string suggestion(const std::string& section, const std::string& name) const {
    const std::string word = normal(last_part(name));
    const auto here = [&](const std::string& path) { return first_parts(path) == section ? last_part(path) : path; };
    if (const auto alias = aliases.find(word); alias != aliases.end())
      return " did you mean \"" + here(alias->second) + "\"?";
    std::vector<std::string> siblings, leaves;
    for (const auto& [path, field] : fields) {
      if (first_parts(path) == section) siblings.push_back(last_part(path));
      leaves.push_back(last_part(path));
    }
    for (const std::string& path : sections) {
      if (first_parts(path) == section) siblings.push_back(last_part(path));
    }
    for (const auto& [path, field] : fields) {
      if (last_part(path) != word) continue;
      if (first_parts(path) == section) return " did you mean \"" + word + "\"?";
      return first_parts(path).empty() ? " it belongs at the top level, outside every section"
                                       : " it belongs under \"" + first_parts(path) + ":\"";
    }
    if (const std::string near = closest(word, siblings); !near.empty()) return " did you mean \"" + near + "\"?";
    if (const std::string near = closest(word, leaves); !near.empty()) {
      for (const auto& [path, field] : fields) {
        if (last_part(path) == near) return " did you mean \"" + path + "\"?";
      }
    }
    std::sort(siblings.begin(), siblings.end());
    return " known here: " + join(siblings, ", ");
  }

  void read_entry(const Source& source, const YamlEntry& entry, const std::string& section,
                  std::set<std::string>& seen) {
    const std::string& name = entry.key.text;
    const std::string path = section.empty() ? name : section + "." + name;
    if (!seen.insert(name).second) {
      note(source, entry.key, path, "is given twice", "keep one of the two");
      return;
    }
    if (name == "<<" && !entry.key.quoted) {
      note(source, entry.key, path, "merge keys are not supported", "write the settings out");
      return;
    }
    if (const auto field = fields.find(path); field != fields.end()) {
      given.insert_or_assign(path, Given{&source, entry.value.line, entry.value.column});
      for (ValueFault& fault : assign(*field->second, entry.value)) {
        note(source, *fault.node, path + fault.inside, std::move(fault.message), std::move(fault.remedy));
      }
    } else if (sections.count(path) > 0) {
      given.insert_or_assign(path, Given{&source, entry.key.line, entry.key.column});
      read_map(source, entry.value, path);
    } else {
      note(source, entry.key, path, "is not a setting;" + suggestion(section, name));
    }
  }

  void read_map(const Source& source, const YamlNode& node, const std::string& section) {
    if (node.kind == YamlNode::Kind::kNull) return;  // "lora:" with nothing under it
    if (node.kind != YamlNode::Kind::kMap) {
      note(source, node, section, "expected settings in the form \"name: value\", found " + describe_node(node));
      return;
    }
    std::set<std::string> seen;
    for (const YamlEntry& entry : node.entries) read_entry(source, entry, section, seen);
  }

  void check_required() {
    for (const auto& [path, field] : fields) {
      if (!field->rules.required || given.count(path) > 0 || !is_empty(field->target)) continue;
      YamlNode nowhere;
      const auto section = given.find(first_parts(path));
      if (section != given.end())
        std::tie(nowhere.line, nowhere.column) = std::pair(section->second.line, section->second.column);
      note(section != given.end() ? *section->second.source : file, nowhere, path, "is missing",
           "give it: " + field->rules.help);
    }
  }
};

ConfigReader::ConfigReader(const std::string& text, const std::string& source,
                           const std::vector<std::string>& overrides, std::map<std::string, std::string> aliases)
    : impl_(std::make_unique<Impl>()) {
  impl_->file = {0, source};
  impl_->aliases = std::move(aliases);
  try {
    impl_->root = parse_yaml(text, source);
  } catch (const Error& error) {
    // What a broken file would have set is not known, so nothing more can be said about it.
    if (error.kind() != ErrorKind::kInput) throw;
    impl_->note(error, 0);
    finish();
  }
  impl_->overrides.reserve(overrides.size());  // `given` points at the sources in it
  for (size_t i = 0; i < overrides.size(); ++i) impl_->add_override(overrides[i], static_cast<int>(i) + 1);
}

ConfigReader::~ConfigReader() = default;

void ConfigReader::read(const Fields& fields) {
  for (const Field& field : fields.all()) impl_->fields[field.path] = &field;
  for (const FieldSection& section : fields.sections()) impl_->sections.insert(section.path);
  impl_->read_map(impl_->file, impl_->root, "");
  for (const auto& [source, node] : impl_->overrides) impl_->read_map(source, node, "");
  impl_->check_required();
  impl_->fields.clear();
  impl_->sections.clear();
}

bool ConfigReader::is_set(const std::string& path) const {
  return impl_->given.count(path) > 0;
}

void ConfigReader::fault(const std::string& path, const std::string& message, const std::string& remedy) {
  const auto at = impl_->given.find(path);
  YamlNode node;
  if (at == impl_->given.end()) {
    impl_->note(impl_->file, node, path, message, remedy);
  } else {
    std::tie(node.line, node.column) = std::pair(at->second.line, at->second.column);
    impl_->note(*at->second.source, node, path, message, remedy);
  }
}

void ConfigReader::finish() const {
  std::vector<Fault> faults = impl_->faults;
  if (faults.empty()) return;
  std::stable_sort(faults.begin(), faults.end(), [](const Fault& a, const Fault& b) { return a.order < b.order; });
  if (faults.size() == 1) fail_input(faults[0].place, faults[0].message, faults[0].remedy);
  std::string text = format("%zu settings are wrong", faults.size());
  for (size_t i = 0; i < std::min(faults.size(), kShownFaults); ++i) {
    text += "\n  " + faults[i].place + ": " + faults[i].message;
    if (!faults[i].remedy.empty()) text += "\n    fix: " + faults[i].remedy;
  }
  if (faults.size() > kShownFaults) text += format("\n  and %zu more", faults.size() - kShownFaults);
  fail_input(impl_->file.name, text);
}

}  // namespace hone
