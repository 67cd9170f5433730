// Declares the settings of a configuration struct once; reading, resolved writing, JSON and the
// documentation all work from that list (config/reader.h, config/writer.h).
//
//   void describe(Fields fields, LoraConfig& c) {
//     fields.add("r", c.r, {.help = "rank", .min = 1});
//     fields.add("bias", c.bias, {.help = "which biases train", .choices = {"none", "all"}});
//   }
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace hone {

/// A text, or a list of texts: `target_modules: all-linear`, `target_modules: [q_proj, v_proj]`.
using TextOrList = std::variant<std::string, std::vector<std::string>>;
/// Nothing (null), a number, or a text: `validation: 0.1`, `validation: val.jsonl`.
using NumberOrText = std::variant<std::monostate, double, std::string>;

/// Where a setting's value lives; the type decides which YAML it accepts. An empty optional is
/// written as null, and null is accepted for text too, as "". A list accepts a single value as a list of one.
using FieldTarget = std::variant<bool*, int64_t*, double*, std::string*, std::optional<bool>*, std::optional<int64_t>*,
                                 std::optional<double>*, std::vector<std::string>*, std::vector<int64_t>*, TextOrList*,
                                 NumberOrText*, std::map<std::string, int64_t>*, std::map<std::string, double>*>;

/// What a value must satisfy; the limits apply to numbers (of a list or map, to each).
struct FieldRules {
  std::string help;                              ///< one line
  std::optional<double> min = {}, max = {};      ///< inclusive
  std::optional<double> above = {}, below = {};  ///< exclusive
  std::vector<std::string> choices = {};         ///< allowed texts; empty: any
  bool required = false;                         ///< must not be empty, so where the default is empty it must be given
};

struct Field {
  std::string path;  ///< "training.learning_rate"
  FieldTarget target;
  FieldRules rules;
};

struct FieldSection {
  std::string path, help;
};

/// A handle on one growing list; copies and sections share the list.
class Fields {
 public:
  Fields();
  void add(const std::string& name, FieldTarget target, FieldRules rules);
  template <typename T>
  void add(const std::string& name, T& value, FieldRules rules) {
    add(name, FieldTarget(&value), std::move(rules));
  }
  /// Settings added through the result lie under `name:`.
  Fields section(const std::string& name, const std::string& help);

  const std::vector<Field>& all() const { return list_->fields; }
  const std::vector<FieldSection>& sections() const { return list_->sections; }

 private:
  struct List {
    std::vector<Field> fields;
    std::vector<FieldSection> sections;
  };
  std::shared_ptr<List> list_;
  std::string prefix_;
};

/// Whether the target holds an empty text, list or map, or nothing.
bool is_empty(const FieldTarget& target);

/// "whole number", "number between 0 and 1", "one of: none, all" … for messages and documentation.
std::string describe_type(const Field& field);

}  // namespace hone
