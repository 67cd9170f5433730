#include "base/config/assign.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "base/config/values.h"
#include "base/strings.h"

namespace hone {
namespace {

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

class Assigner {
 public:
  explicit Assigner(const Field& field) : rules_(field.rules) {}

  std::vector<ValueFault> faults;

  void read(const YamlNode& node, bool& value) {
    const auto parsed = node.kind == YamlNode::Kind::kScalar ? parse_bool(node.text) : std::nullopt;
    if (!parsed) return mismatch(node, "true or false");
    value = *parsed;
  }

  void read(const YamlNode& node, int64_t& value) {
    const auto parsed = node.kind == YamlNode::Kind::kScalar ? parse_whole_number(node.text) : std::nullopt;
    if (!parsed) return mismatch(node, "a whole number");
    if (in_range(node, static_cast<double>(*parsed))) value = *parsed;
  }

  void read(const YamlNode& node, double& value) {
    const auto parsed = node.kind == YamlNode::Kind::kScalar ? parse_number(node.text) : std::nullopt;
    if (!parsed) return mismatch(node, "a number");
    if (in_range(node, *parsed)) value = *parsed;
  }

  void read(const YamlNode& node, std::string& value) {
    if (node.kind == YamlNode::Kind::kList || node.kind == YamlNode::Kind::kMap) return mismatch(node, "a text");
    if (rules_.required && node.text.empty()) return add(node, "is empty");
    if (rules_.choices.empty()) {
      value = node.text;
    } else {
      choose(node, value);
    }
  }

  template <typename T>
  void read(const YamlNode& node, std::optional<T>& value) {
    if (node.kind == YamlNode::Kind::kNull || (node.kind == YamlNode::Kind::kScalar && same_word(node.text, "none"))) {
      value.reset();
      return;
    }
    const size_t before = faults.size();
    T inner{};
    read(node, inner);
    if (faults.size() == before) value = inner;
  }

  template <typename T>
  void read(const YamlNode& node, std::vector<T>& value) {
    if (node.kind == YamlNode::Kind::kMap) return mismatch(node, "a list");
    value.clear();
    if (node.kind == YamlNode::Kind::kScalar) {
      read(node, value.emplace_back());
    }
    for (size_t i = 0; i < node.items.size(); ++i) {
      inside_ = format("[%zu]", i);
      read_item(node.items[i], value.emplace_back());
    }
    inside_.clear();
    if (rules_.required && value.empty()) add(node, "is empty");
  }

  template <typename T>
  void read(const YamlNode& node, std::map<std::string, T>& value) {
    if (node.kind != YamlNode::Kind::kMap && node.kind != YamlNode::Kind::kNull) return mismatch(node, "a map");
    value.clear();
    std::set<std::string> seen;
    for (const YamlEntry& entry : node.entries) {
      inside_ = "." + excerpt(entry.key.text, 60);
      if (!seen.insert(entry.key.text).second) {
        add(entry.key, "is given twice", "keep one of the two");
      } else {
        read(entry.value, value[entry.key.text]);
      }
    }
    inside_.clear();
  }

  void read(const YamlNode& node, TextOrList& value) {
    if (node.kind == YamlNode::Kind::kList) {
      read(node, value.emplace<std::vector<std::string>>());
    } else {
      read(node, value.emplace<std::string>());
    }
  }

  void read(const YamlNode& node, NumberOrText& value) {
    const auto number = node.kind == YamlNode::Kind::kScalar && !node.quoted ? parse_number(node.text) : std::nullopt;
    if (node.kind == YamlNode::Kind::kNull) {
      value = std::monostate{};
    } else if (number) {
      if (in_range(node, *number)) value = *number;
    } else if (node.kind != YamlNode::Kind::kScalar) {
      mismatch(node, "a number or a text");
    } else if (node.text.empty()) {
      value = std::monostate{};
    } else {
      value = node.text;
    }
  }

 private:
  /// A null inside a list of texts is a slip ("- " with nothing behind it), not an empty text.
  template <typename T>
  void read_item(const YamlNode& node, T& value) {
    if (node.kind == YamlNode::Kind::kNull || (node.kind == YamlNode::Kind::kScalar && node.text.empty())) {
      return add(node, "is empty", "remove the item or fill it");
    }
    read(node, value);
  }

  void choose(const YamlNode& node, std::string& value) {
    for (const std::string& choice : rules_.choices) {
      if (same_word(choice, node.text)) return void(value = choice);
    }
    // `no`, `off` and `false` are one value to YAML 1.1; people write any of them.
    if (const auto truth = node.quoted ? std::nullopt : parse_bool(node.text)) {
      for (const std::string& choice : rules_.choices) {
        if (parse_bool(choice) == truth) return void(value = choice);
      }
    }
    if (node.kind == YamlNode::Kind::kNull) {
      for (const std::string& choice : rules_.choices) {
        if (choice == "none" || choice == "no") return void(value = choice);
      }
    }
    add(node, describe_node(node) + " is unknown;" + did_you_mean(node.text, rules_.choices) +
                  " known: " + join(rules_.choices, ", "));
  }

  bool in_range(const YamlNode& node, double value) {
    const std::string shown = show_number(value);
    const auto too = [&](const char* how, const char* bound, double limit) {
      add(node, shown + " is too " + how + ": must be " + bound + " " + show_number(limit));
      return false;
    };
    if (rules_.min && value < *rules_.min) return too("small", "at least", *rules_.min);
    if (rules_.above && value <= *rules_.above) return too("small", "above", *rules_.above);
    if (rules_.max && value > *rules_.max) return too("large", "at most", *rules_.max);
    if (rules_.below && value >= *rules_.below) return too("large", "below", *rules_.below);
    return true;
  }

  void mismatch(const YamlNode& node, const std::string& expected) {
    add(node, "expected " + expected + ", found " + describe_node(node));
  }

  void add(const YamlNode& node, std::string message, std::string remedy = "") {
    faults.push_back({&node, inside_, std::move(message), std::move(remedy)});
  }

  const FieldRules& rules_;
  std::string inside_;
};

}  // namespace

std::string describe_node(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull: return "nothing (null)";
    case YamlNode::Kind::kScalar: return "\"" + excerpt(node.text, 60) + "\"";
    case YamlNode::Kind::kList: return "a list";
    case YamlNode::Kind::kMap: return "a map";
  }
  return "";
}

std::vector<ValueFault> assign(const Field& field, const YamlNode& node) {
  Assigner assigner(field);
  std::visit([&](auto* target) { assigner.read(node, *target); }, field.target);
  return std::move(assigner.faults);
}

}  // namespace hone
